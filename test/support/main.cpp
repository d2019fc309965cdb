// The one main() of every test program. CTest runs each suite of a program by itself.
#define BOOST_TEST_MODULE eventstore
#include <boost/test/output/compiler_log_formatter.hpp>
#include <boost/test/unit_test.hpp>
#include <boost/test/unit_test_log.hpp>
#include <boost/test/unit_test_parameters.hpp>

#include <ostream>

namespace {

namespace boost_test = boost::unit_test;

/// Says nothing of the suites that --run_test leaves out.
class log_of_what_runs : public boost_test::output::compiler_log_formatter {
    void test_unit_skipped(
        std::ostream& out, const boost_test::test_unit& unit, boost_test::const_string why) override {
        if (why != "disabled") compiler_log_formatter::test_unit_skipped(out, unit, why);
    }
};

struct log_choice {
    log_choice() {
        using namespace boost_test::runtime_config;
        if (get<boost_test::output_format>(btrt_log_format) == boost_test::OF_CLF)
            boost_test::unit_test_log.set_formatter(new log_of_what_runs);
    }
};

} // namespace

BOOST_TEST_GLOBAL_CONFIGURATION(log_choice);
