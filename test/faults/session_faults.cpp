// Faults that other sessions of the server cause.

#include "faults/faults.hpp"

#include <chrono>
#include <exception>
#include <memory>

namespace eventstore::test::faults {

namespace {

const std::string clients_of_the_database =
    "from (select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() "
    "and usename <> 'postgres' and application_name = 'eventstore' order by random() limit 3) as chosen";

/// Calls a function with random sessions, again and again.
class backend_fault : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

protected:
    void call(const std::string& function) {
        if (!administrator_) administrator_ = std::make_unique<session>(bed().administrator());
        try {
            administrator_->run("select " + function + "(pid) " + clients_of_the_database);
        } catch (const std::exception&) {
            administrator_.reset(); // the server has crashed
            throw;
        }
    }

private:
    std::unique_ptr<session> administrator_;
};

class terminate_backends : public backend_fault {
public:
    using backend_fault::backend_fault;
    void tick() override {
        if (once_in(random(), 6)) call("pg_terminate_backend");
    }
};

class cancel_backends : public backend_fault {
public:
    using backend_fault::backend_fault;
    void tick() override { call("pg_cancel_backend"); }
};

/// A session idle in its transaction, with the lock of the log.
class hold_log_lock : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

    void begin() override {
        holder_ = std::make_unique<session>(bed().administrator());
        holder_->run("begin");
        const std::string& schema = bed().schemas()[below(bed().schemas().size())];
        holder_->run(
            "select pg_advisory_xact_lock('" + schema + ".log_state'::regclass::bigint + 7311000000000000000)");
    }
    void end() override { holder_.reset(); }

private:
    std::unique_ptr<session> holder_;
};

/// Takes the connections that are left, and those of clients that lose theirs.
class exhaust_connections : public seeded_fault {
public:
    using seeded_fault::seeded_fault;

    void tick() override {
        if (once_in(random(), 4))
            bed().administrator().run("select pg_terminate_backend(pid) " + clients_of_the_database);
        const std::string url = bed().server().url(bed().server().port(), false);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
        while (std::chrono::steady_clock::now() < deadline) {
            try {
                taken_.push_back(std::make_unique<session>(url));
            } catch (const std::exception&) { // there are no more; those that were ended leave theirs in a moment
            }
        }
    }
    void end() override { taken_.clear(); }

private:
    std::vector<std::unique_ptr<session>> taken_;
};

} // namespace

std::vector<fault_kind> session_faults() {
    using std::chrono_literals::operator""ms;
    return {
        {{"terminate_backends", 1500ms, 5000ms}, "pg_terminate_backend of random sessions",
            make_fault<terminate_backends>},
        {{"cancel_backends", 1500ms, 5000ms}, "pg_cancel_backend of random sessions", make_fault<cancel_backends>},
        {{"hold_log_lock", 1500ms, 8000ms}, "a session idle in its transaction, with the lock of the log",
            make_fault<hold_log_lock>},
        {{"exhaust_connections", 1500ms, 6000ms}, "all of max_connections taken, sessions of clients ended",
            make_fault<exhaust_connections>},
    };
}

} // namespace eventstore::test::faults
