/// \file
/// The settings of Asio that a program must have in common with this library. There is nothing here to use: headers that
/// show types of Asio include it.
///
/// A program that defines BOOST_ASIO_ENABLE_HANDLER_TRACKING, and a library that was compiled without: types of Asio would
/// have two layouts in one process, which ends in a crash somewhere. So the linker sees to it. If it says
///
///     undefined reference to `bool eventstore::asio_setting::is_set_otherwise_than_in_the_library<
///         eventstore::asio_setting::handler_tracking<true> >()'
///
/// the program has what is named there, and the library has not: compile both alike. Whatever changes no layout is free,
/// header-only Asio, BOOST_ASIO_SEPARATE_COMPILATION and BOOST_ASIO_NO_DEPRECATED among it.
#pragma once

#include <eventstore/export.hpp>

#include <boost/asio/detail/config.hpp>
#include <boost/version.hpp>

#include <string_view>

namespace eventstore::asio_setting {

template <int Major, int Minor>
struct EVENTSTORE_EXPORT boost_version;
template <int Size>
struct EVENTSTORE_EXPORT recycling_cache;
template <bool>
struct EVENTSTORE_EXPORT handler_tracking;
template <bool>
struct EVENTSTORE_EXPORT custom_handler_tracking;
template <bool>
struct EVENTSTORE_EXPORT handler_hooks;
template <bool>
struct EVENTSTORE_EXPORT threads;
template <bool>
struct EVENTSTORE_EXPORT thread_locals_of_the_compiler;
template <bool>
struct EVENTSTORE_EXPORT epoll;
template <bool>
struct EVENTSTORE_EXPORT kqueue;
template <bool>
struct EVENTSTORE_EXPORT dev_poll;
template <bool>
struct EVENTSTORE_EXPORT io_uring;
template <bool>
struct EVENTSTORE_EXPORT io_uring_as_default;
template <bool>
struct EVENTSTORE_EXPORT eventfd;
template <bool>
struct EVENTSTORE_EXPORT timerfd;
template <bool>
struct EVENTSTORE_EXPORT recycling_of_small_blocks;
template <bool>
struct EVENTSTORE_EXPORT recycling_of_awaitables;
template <bool>
struct EVENTSTORE_EXPORT std_aligned_alloc;
template <bool>
struct EVENTSTORE_EXPORT std_atomic;
template <bool>
struct EVENTSTORE_EXPORT typeids;
template <bool>
struct EVENTSTORE_EXPORT ts_executors;
template <bool>
struct EVENTSTORE_EXPORT ts_executor_as_default;
template <bool>
struct EVENTSTORE_EXPORT buffer_debugging;

/// The library has this function for each of its own settings, and for no other. Always false.
template <class Setting>
EVENTSTORE_EXPORT [[gnu::noinline]] bool is_set_otherwise_than_in_the_library() noexcept;

constexpr bool is_defined(std::string_view name, std::string_view meaning) noexcept { return name != meaning; }

#define EVENTSTORE_TEXT(tokens) #tokens
#define EVENTSTORE_IS_DEFINED(macro) is_defined(#macro, EVENTSTORE_TEXT(macro))
#ifdef BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE
#    define EVENTSTORE_RECYCLING_CACHE BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE
#else
#    define EVENTSTORE_RECYCLING_CACHE 2 // what Asio takes
#endif

/// Asks for all of them in every program. A constant would do, had the linker's --gc-sections to keep it.
inline const bool is_another = //
    is_set_otherwise_than_in_the_library<boost_version<BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1000>>() ||
    is_set_otherwise_than_in_the_library<
        handler_tracking<EVENTSTORE_IS_DEFINED(BOOST_ASIO_ENABLE_HANDLER_TRACKING)>>() ||
    is_set_otherwise_than_in_the_library<
        custom_handler_tracking<EVENTSTORE_IS_DEFINED(BOOST_ASIO_CUSTOM_HANDLER_TRACKING)>>() ||
    is_set_otherwise_than_in_the_library<handler_hooks<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_HANDLER_HOOKS)>>() ||
    is_set_otherwise_than_in_the_library<threads<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_THREADS)>>() ||
    is_set_otherwise_than_in_the_library<
        thread_locals_of_the_compiler<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_THREAD_KEYWORD_EXTENSION)>>() ||
    is_set_otherwise_than_in_the_library<epoll<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_EPOLL)>>() ||
    is_set_otherwise_than_in_the_library<kqueue<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_KQUEUE)>>() ||
    is_set_otherwise_than_in_the_library<dev_poll<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_DEV_POLL)>>() ||
    is_set_otherwise_than_in_the_library<io_uring<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_IO_URING)>>() ||
    is_set_otherwise_than_in_the_library<
        io_uring_as_default<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_IO_URING_AS_DEFAULT)>>() ||
    is_set_otherwise_than_in_the_library<eventfd<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_EVENTFD)>>() ||
    is_set_otherwise_than_in_the_library<timerfd<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_TIMERFD)>>() ||
    is_set_otherwise_than_in_the_library<
        recycling_of_small_blocks<!EVENTSTORE_IS_DEFINED(BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING)>>() ||
    is_set_otherwise_than_in_the_library<
        recycling_of_awaitables<!EVENTSTORE_IS_DEFINED(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)>>() ||
    is_set_otherwise_than_in_the_library<recycling_cache<EVENTSTORE_RECYCLING_CACHE>>() ||
    is_set_otherwise_than_in_the_library<
        std_aligned_alloc<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_STD_ALIGNED_ALLOC)>>() ||
    is_set_otherwise_than_in_the_library<std_atomic<EVENTSTORE_IS_DEFINED(BOOST_ASIO_HAS_STD_ATOMIC)>>() ||
    is_set_otherwise_than_in_the_library<typeids<!EVENTSTORE_IS_DEFINED(BOOST_ASIO_NO_TYPEID)>>() ||
    is_set_otherwise_than_in_the_library<ts_executors<!EVENTSTORE_IS_DEFINED(BOOST_ASIO_NO_TS_EXECUTORS)>>() ||
    is_set_otherwise_than_in_the_library<
        ts_executor_as_default<EVENTSTORE_IS_DEFINED(BOOST_ASIO_USE_TS_EXECUTOR_AS_DEFAULT)>>() ||
    is_set_otherwise_than_in_the_library<buffer_debugging<EVENTSTORE_IS_DEFINED(BOOST_ASIO_ENABLE_BUFFER_DEBUGGING)>>();

#undef EVENTSTORE_TEXT
#undef EVENTSTORE_IS_DEFINED
#undef EVENTSTORE_RECYCLING_CACHE

} // namespace eventstore::asio_setting
