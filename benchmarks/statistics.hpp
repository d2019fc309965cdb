// Medians and percentiles.
#pragma once

#include <vector>

namespace eventstore::benchmarks {

/// What a few rounds gave.
struct summary {
    double median = 0;
    double min = 0;
    double max = 0;
};

/// \pre `values` is not empty
summary summarize(std::vector<double> values);

/// The value below which this share (0..1) of the values lies; 0 of none. Reorders them.
float percentile(std::vector<float>& values, double share);

} // namespace eventstore::benchmarks
