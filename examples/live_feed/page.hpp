// The page that shows the feed: page.html, compiled in.
#pragma once

namespace live_feed {

extern const char* const page_html;

} // namespace live_feed
