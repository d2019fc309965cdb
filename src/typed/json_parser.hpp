/// JSON text to values, without rounding.
#pragma once

#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <string_view>

namespace eventstore::detail {

/// Reads the one value that the text is into `root`, whose storage is kept. Each double is the nearest to what is
/// written, so that one that was written by Boost.JSON comes back bit for bit; -0 is the double -0.0. Whole numbers that
/// fit 64 bits stay whole numbers.
///
/// `boost::json::parse` is off by some bits for one in ten, as a way without rounding came with Boost 1.84 only.
boost::system::error_code parse_json(std::string_view text, boost::json::value& root);

} // namespace eventstore::detail
