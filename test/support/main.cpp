// The one main() of every test program. CTest runs each suite of a program by itself.
#define BOOST_TEST_MODULE eventstore
#include <boost/test/unit_test.hpp>
