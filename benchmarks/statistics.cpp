#include "statistics.hpp"

#include <algorithm>
#include <cstddef>

namespace eventstore::benchmarks {

summary summarize(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return {median, values.front(), values.back()};
}

float percentile(std::vector<float>& values, double share) {
    if (values.empty()) return 0;
    const auto last = static_cast<double>(values.size() - 1);
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(share * last + 0.5);
    std::nth_element(values.begin(), place, values.end());
    return *place;
}

} // namespace eventstore::benchmarks
