/// \file
/// The Asio settings that must be equal in a program and in this library. Included by the headers that expose types of
/// Asio; not for direct use.
///
/// If a program defines BOOST_ASIO_ENABLE_HANDLER_TRACKING, and the library was compiled without it, types of Asio have
/// two layouts in one process, which leads to crashes. The linker therefore checks the settings. If it reports
///
///     undefined reference to `bool eventstore::asio_setting::is_set_otherwise_than_in_the_library<
///         eventstore::asio_setting::handler_tracking<true> >()'
///
/// the program has the named setting, and the library does not: compile both with the same settings. Settings that
/// change no layout may differ, including header-only Asio, BOOST_ASIO_SEPARATE_COMPILATION and
/// BOOST_ASIO_NO_DEPRECATED.
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

/// The library defines this function for its own settings, and for no others. Always false.
template <class Setting>
EVENTSTORE_EXPORT [[gnu::noinline]] bool is_set_otherwise_than_in_the_library() noexcept;

constexpr bool is_defined(std::string_view name, std::string_view meaning) noexcept { return name != meaning; }

#define EVENTSTORE_TEXT(tokens) #tokens
#define EVENTSTORE_IS_DEFINED(macro) is_defined(#macro, EVENTSTORE_TEXT(macro))
#ifdef BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE
#    define EVENTSTORE_RECYCLING_CACHE BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE
#else
#    define EVENTSTORE_RECYCLING_CACHE 2 // Asio's default
#endif

/// References all of them in every program. A constant is not enough: the linker's --gc-sections may remove it.
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
