/// Blocking calls of libpq that tell whether a server is up.
#pragma once

#include <string>

namespace eventstore::embedded {

/// Whether the server of this url takes sessions now. Comes back within seconds even if the server hangs.
bool takes_sessions(const std::string& url);

/// Makes the database if it is missing. Throws `error`.
void make_database(const std::string& administration_url, const std::string& name);

} // namespace eventstore::embedded
