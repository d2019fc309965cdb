/// \file
/// Statistics in the text format of Prometheus.
#pragma once

#include <eventstore/export.hpp>
#include <eventstore/store_stats.hpp>

#include <map>
#include <string>
#include <string_view>

namespace eventstore {

/// Writes the statistics of a store in the text format of Prometheus (0.0.4), to be served as
/// `text/plain; version=0.0.4`. All names begin with `eventstore_`; each has its HELP and TYPE. Durations are in seconds.
///
///     response.body() = es::prometheus_text(store.stats(), "shop");
///
/// \param store the value of the label `store` of each line; empty: there is no such label. Any UTF-8.
EVENTSTORE_EXPORT std::string prometheus_text(const store_stats& stats, std::string_view store = std::string_view());

/// The same for several stores, by their labels: a text holds each name only once. For a store_group note that the
/// connections of each store are those of the group.
EVENTSTORE_EXPORT std::string prometheus_text(const std::map<std::string, store_stats>& by_store);

} // namespace eventstore
