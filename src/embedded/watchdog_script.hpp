/// The shell script that watches over the server; see watchdog_script.cpp.
#pragma once

namespace eventstore::embedded {

extern const char* const watchdog_script;

} // namespace eventstore::embedded
