/// The table of streams: what is known of them, and their deletion.
#pragma once

#include "storage/database.hpp"

#include <eventstore/deletion.hpp>
#include <eventstore/expected_version.hpp>
#include <eventstore/stream_info.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace eventstore::storage {

/// "stream "NAME" PROBLEM"
failure about_stream(errc code, const std::string& stream, std::string_view problem);

/// Of the log, if the name is "$all".
asio::awaitable<result<stream_info>> read_stream_info(database in, std::string stream, detail::steady_time deadline);
asio::awaitable<result<std::vector<stream_info>>> list_streams(
    database in, stream_query query, detail::steady_time deadline);

asio::awaitable<result<void>> delete_softly(
    database in, std::string stream, expected_version expected, detail::steady_time deadline);
/// Frees the name in one step, and then removes the events in many, with those of earlier deletions that did not get to
/// their end.
/// \param forget told of the id of each stream whose events go
asio::awaitable<result<void>> delete_for_good(database in, std::string stream, expected_version expected,
    std::function<void(std::int64_t)> forget, std::function<detail::steady_time()> deadline_of_step);
asio::awaitable<result<deletion_preview>> preview_deletion(
    database in, std::string stream, detail::steady_time deadline);
asio::awaitable<result<void>> restore_stream(database in, std::string stream, detail::steady_time deadline);

} // namespace eventstore::storage
