/// \file
/// Marks what a shared build of the library exports. Everything else is hidden.
#pragma once

#if defined(_WIN32) && defined(EVENTSTORE_SHARED)
#    ifdef EVENTSTORE_BUILDING
#        define EVENTSTORE_EXPORT __declspec(dllexport)
#    else
#        define EVENTSTORE_EXPORT __declspec(dllimport)
#    endif
#elif defined(__GNUC__)
#    define EVENTSTORE_EXPORT [[gnu::visibility("default")]]
#else
#    define EVENTSTORE_EXPORT
#endif
