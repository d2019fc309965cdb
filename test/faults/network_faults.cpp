// Faults of the network: what the proxies do.

#include "faults/faults.hpp"

namespace eventstore::test::faults {

namespace {

template <disturbance kind>
class network_fault : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

    void begin() override {
        const auto at = static_cast<direction>(below(3));
        bed().plain_proxy().disturb(kind, at);
        if (kind != disturbance::refuse) bed().tls_proxy().disturb(kind, at);
    }
    void end() override {
        bed().plain_proxy().calm();
        bed().tls_proxy().calm();
    }
};

} // namespace

std::vector<fault_kind> network_faults() {
    using std::chrono_literals::operator""ms;
    return {
        {{"cut_network", 1500ms, 6000ms, false, "network"},
            "the proxies end connections at random bytes, half of them by a reset",
            make_fault<network_fault<disturbance::cut>>},
        {{"stall_network", 2000ms, 8000ms, false, "network"},
            "the proxies stop connections at random bytes, for up to 4 s",
            make_fault<network_fault<disturbance::stall>>},
        {{"delay_network", 1500ms, 6000ms, false, "network"},
            "the proxies delay connections at random bytes, by up to 100 ms",
            make_fault<network_fault<disturbance::delay>>},
        {{"split_network", 1500ms, 6000ms, false, "network"}, "the proxies pass on up to 300 bytes one by one",
            make_fault<network_fault<disturbance::split>>},
        {{"half_close_network", 1500ms, 6000ms, false, "network"},
            "the proxies end one direction of connections at random bytes",
            make_fault<network_fault<disturbance::half_close>>},
        {{"refuse_statements", 1500ms, 6000ms, false, "network"},
            "a proxy has the server answer random statements with an error",
            make_fault<network_fault<disturbance::refuse>>},
    };
}

} // namespace eventstore::test::faults
