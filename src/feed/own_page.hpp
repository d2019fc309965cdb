/// What this process has appended, as a page that was never read.
#pragma once

#include "append/append_plan.hpp"
#include "append/append_request.hpp"

#include <eventstore/event_page.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace eventstore::feed {

using appends = std::span<const std::shared_ptr<append::append_request>>;

/// True if some of them are links: their events are elsewhere, and no page can be made of them without reading.
bool has_links(appends requests);

/// The events of one transaction, in order, without a copy of their payloads: the page keeps the appends.
event_page page_of(appends requests, std::span<const append::append_plan::outcome> outcomes);

/// The bytes that such a page keeps in memory.
std::size_t bytes_of(appends requests);

} // namespace eventstore::feed
