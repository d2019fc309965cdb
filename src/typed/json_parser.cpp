#include "typed/json_parser.hpp"

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value_stack.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <system_error>

namespace eventstore::detail {

namespace json = boost::json;
using boost::system::error_code;

namespace {

/// \param rounded Boost's, which tells the sign, and whether what no double can hold is too large or too small
double exact(json::string_view digits, double rounded) {
    double value = 0;
    const auto done = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (done.ec == std::errc()) return value;
    return std::copysign(std::abs(rounded) > 1 ? std::numeric_limits<double>::infinity() : 0.0, rounded);
}

/// What the parser tells, made into values. The text is handed over in one piece, so that each number is, too.
class value_builder {
public:
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();

    explicit value_builder(json::storage_ptr storage) : stack_(json::storage_ptr(), space_, sizeof(space_)) {
        stack_.reset(std::move(storage));
    }
    json::value release() { return stack_.release(); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t size, error_code&) { return stack_.push_object(size), true; }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t size, error_code&) { return stack_.push_array(size), true; }
    bool on_key_part(json::string_view text, std::size_t, error_code&) { return stack_.push_chars(text), true; }
    bool on_key(json::string_view text, std::size_t, error_code&) { return stack_.push_key(text), true; }
    bool on_string_part(json::string_view text, std::size_t, error_code&) { return stack_.push_chars(text), true; }
    bool on_string(json::string_view text, std::size_t, error_code&) { return stack_.push_string(text), true; }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t value, json::string_view digits, error_code&) {
        if (value == 0 && digits.front() == '-')
            stack_.push_double(-0.0);
        else
            stack_.push_int64(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, json::string_view, error_code&) { return stack_.push_uint64(value), true; }
    bool on_double(double rounded, json::string_view digits, error_code&) {
        return stack_.push_double(exact(digits, rounded)), true;
    }
    bool on_bool(bool value, error_code&) { return stack_.push_bool(value), true; }
    bool on_null(error_code&) { return stack_.push_null(), true; }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

private:
    unsigned char space_[2048];
    json::value_stack stack_;
};

} // namespace

error_code parse_json(std::string_view text, json::value& root) {
    json::parse_options options;
    options.max_depth = 512; // what can be written must be readable
    json::basic_parser<value_builder> parser(options, root.storage());
    error_code failed;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), failed);
    if (failed) return failed;
    if (used < text.size()) return json::make_error_code(json::error::extra_data);
    root = parser.handler().release();
    return failed;
}

} // namespace eventstore::detail
