// What a run of the fault tests consists of: a server, proxies before it, stores and their clients.
#pragma once

#include "faults/byte_proxy.hpp"
#include "faults/client_process.hpp"
#include "faults/fault_server.hpp"
#include "faults/record.hpp"

#include "support/session.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace eventstore::test::faults {

class testbed {
public:
    /// Starts everything but the clients. \param folder made by the caller, who removes it
    testbed(std::string folder, std::uint64_t seed, std::chrono::milliseconds lease);

    /// The stores that live to the end.
    const std::vector<std::string>& schemas() const noexcept { return schemas_; }
    /// Makes a store, with the table of its read model.
    void make_schema(const std::string& schema, bool is_jsonb = false);

    /// Another client, which the caller starts. \param schema or several with commas
    client_process& add_client(const std::string& schema, const std::string& role, bool is_checked = true);
    void start_all();

    client_list& clients() noexcept { return clients_; }
    fault_server& server() noexcept { return server_; }
    small_disk& disk() noexcept { return disk_; }
    byte_proxy& plain_proxy() noexcept { return plain_; }
    byte_proxy& tls_proxy() noexcept { return secured_; }
    std::chrono::milliseconds lease() const noexcept { return lease_; }
    session administrator() const { return session(server_.superuser_url()); }
    const std::string& folder() const noexcept { return folder_; }
    const std::string& records() const noexcept { return record_file_; }

    /// Of the processes of clients, those that were neither to end so nor killed.
    std::vector<std::string> unexpected_ends();

private:
    std::string folder_;
    std::uint64_t seed_;
    std::chrono::milliseconds lease_;
    std::string program_; // asked for before the disk is mounted, which changes what /proc says of it
    small_disk disk_;
    fault_server server_;
    std::string record_file_;
    recorder recorder_; // of what is done to clients
    byte_proxy plain_;
    byte_proxy secured_;
    std::vector<std::string> schemas_;
    client_list clients_;
};

} // namespace eventstore::test::faults
