// Manual pages.
#pragma once

#include "cli/arguments.hpp"

#include <string>

namespace eventstore::cli {

/// The name of the page, without its section: eventstore, eventstore-subscriptions-reset.
std::string page_name(const command* of);

/// In the language of man(7). nullptr = the page of the program.
std::string manual_page(const command* of);

} // namespace eventstore::cli
