// Faults of the server, and of its disk.

#include "faults/faults.hpp"

namespace eventstore::test::faults {

namespace {

/// `stop -m immediate`, and a start with recovery.
class restart_server : public seeded_fault {
public:
    using seeded_fault::seeded_fault;
    void begin() override { bed().server().crash(); }
};

/// No byte is left for the server: at first for its tables, then for the write-ahead log, without which it ends.
class fill_disk : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

    void begin() override { bed().disk().fill(); }
    void tick() override {
        bed().disk().fill();
        if (once_in(random(), 40)) bed().administrator().run("select pg_switch_wal()");
    }
    void end() override {
        bed().disk().empty();
        bed().server().revive();
    }
};

/// A store that goes, beside those that live on. Its clients end by themselves.
class drop_schema : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

    void begin() override {
        schema_ = "dropped_" + std::to_string(below(1'000'000'000));
        bed().make_schema(schema_);
        for (const char* const role : {"writer", "subscriber", "projector"})
            bed().add_client(schema_, role, false).start();
    }
    void end() override { bed().administrator().run("drop schema " + schema_ + " cascade"); }

private:
    std::string schema_;
};

} // namespace

std::vector<fault_kind> server_faults() {
    using std::chrono_literals::operator""ms;
    return {
        {{"restart_server", 500ms, 500ms, false, "server"}, "`stop -m immediate` and a start with recovery",
            make_fault<restart_server>},
        {{"fill_disk", 2000ms, 6000ms, false, "server"}, "the server's disk full, then free again",
            make_fault<fill_disk>, [](testbed& bed) { return bed.disk().problem(); }},
        {{"drop_schema", 2000ms, 5000ms}, "a schema dropped under its clients, beside those that live on",
            make_fault<drop_schema>},
    };
}

std::vector<fault_kind> fault_kinds() {
    std::vector<fault_kind> all;
    for (const auto& some : {client_faults(), network_faults(), session_faults(), server_faults()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

} // namespace eventstore::test::faults
