// The non-template part of Asio, compiled here once instead of in every file: a second or more of each with g++.
//
// As ordinary functions, which is how Asio means this file, they would hide a user's header-only copies but not share
// their static objects: `asio::error::eof` would be two values in one program. So they are inline, as in the user's
// copy, and are kept although nothing here calls them. clang leaves out constructors all the same, so only g++ builds
// take this way (src/CMakeLists.txt).
#ifdef BOOST_ASIO_SEPARATE_COMPILATION
#    define BOOST_ASIO_DECL inline __attribute__((used))
#    include <boost/asio/impl/src.hpp>
#endif
