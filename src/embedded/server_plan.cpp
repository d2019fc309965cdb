#include "embedded/server_plan.hpp"

#include "embedded/data_folder.hpp"
#include "embedded/start_failure.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <random>
#include <string_view>
#include <utility>

namespace eventstore::embedded {

namespace fs = std::filesystem;

namespace {

constexpr std::uint16_t usual_port = 5432;
constexpr std::size_t longest_socket_path = 107;

void check(const embedded_postgres_options& options) {
    const std::string& database = options.database();
    if (database.empty() || database.size() > 63 || !detail::is_storable_text(database))
        refuse_argument("the option `database` is ", detail::quoted_for_message(database),
            ", but a name has 1 to 63 bytes of UTF-8 without NUL");
    if (options.start_timeout() < milliseconds(1))
        refuse_argument("the option `start_timeout` is ", std::to_string(options.start_timeout().count()),
            " ms, but must be at least 1 ms");
    for (const auto& [name, value] : options.settings()) {
        const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '.'; };
        if (name.empty() || !std::all_of(name.begin(), name.end(), is_word))
            refuse_argument("the option `setting` has the name ", detail::quoted_for_message(name),
                ", but names consist of letters, digits, '_' and '.'");
        if (value.find('\0') != std::string::npos)
            refuse_argument("the option `setting` has a NUL in the value of ", detail::quoted_for_message(name));
        std::string lower = name;
        std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
        for (const std::string_view own : {"listen_addresses", "port", "unix_socket_directories",
                 "unix_socket_permissions", "unix_socket_group", "hba_file", "data_directory", "config_file"})
            if (lower == own)
                refuse_argument("the option `setting` cannot change '", own,
                    "', on which the embedded server relies; see the options `port` and `data_folder`");
    }
}

std::string random_name() {
    constexpr char digits[] = "0123456789abcdefghijklmnopqrstuv";
    std::random_device random;
    std::string name = "eventstore-";
    for (int i = 0; i < 12; ++i) name += digits[random() & 31];
    return name;
}

fs::path place_for_socket(const std::vector<fs::path>& folders) {
    const fs::path name = random_name();
    for (const fs::path& folder : folders) {
        const bool is_short = (folder / name / ".s.PGSQL.65535").native().size() <= longest_socket_path;
        if (is_short && folder.native().find(',') == std::string::npos) // libpq takes it for a list of hosts
            return folder / name;
    }
    fail(
        "every folder for temporary files has too long a path for a Unix socket, or a comma in it: make /tmp writable");
}

std::string percent_encoded(std::string_view text) {
    constexpr char digits[] = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.');
        if (plain)
            encoded += c;
        else
            encoded.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
    return encoded;
}

/// For a setting that is a list of folders.
std::string list_element(std::string_view text) {
    std::string element = "\"";
    for (const char c : text) element.append(c == '"' ? 2 : 1, c);
    return element += '"';
}

std::vector<std::string> server_command(const server_plan& plan, const embedded_postgres_options& options) {
    const std::string port = std::to_string(options.port() == 0 ? usual_port : options.port());
    const fs::path& sockets = plan.socket_folder;
    std::vector<std::string> command = {plan.binaries.folder / "postgres", "-D", plan.data_folder.native()};
    const auto set = [&](const std::string& name, const std::string& value) {
        command.push_back("-c");
        command.push_back(name + "=" + value);
    };
    // The log has no end but the server's: it gets what concerns the server; errors of statements go to who sent them.
    set("log_min_messages", "log");
    set("log_checkpoints", "off");
    std::error_code ignored;
    if (!fs::is_directory("/dev/shm", ignored)) // a folder that was filled elsewhere may ask for it
        set("dynamic_shared_memory_type", "mmap");
    for (const auto& [name, value] : options.settings()) set(name, value);
    set("listen_addresses", options.port() == 0 ? "" : "127.0.0.1");
    set("port", port);
    set("unix_socket_directories", list_element(sockets.native()));
    set("unix_socket_permissions", "0700");
    set("hba_file", sockets / "pg_hba.conf"); // a folder made elsewhere may let anybody in, or nobody
    return command;
}

std::string url_of(const server_plan& plan, const embedded_postgres_options& options, std::string_view database) {
    // With the port, or PGPORT would be used.
    return "postgresql://postgres@" + percent_encoded(plan.socket_folder.native()) + ":" +
        std::to_string(options.port() == 0 ? usual_port : options.port()) + "/" + percent_encoded(database);
}

} // namespace

server_plan make_plan(const embedded_postgres_options& options, std::stop_token stop) {
    check(options);
    server_plan plan;
    plan.temporary = options.data_folder().empty();
    if (plan.temporary) {
        plan.user = choose_server_user({});
        plan.binaries = find_binaries(options.binaries(), 0);
    } else {
        plan.data_folder = fs::absolute(options.data_folder() / "").lexically_normal().parent_path();
        plan.user = choose_server_user(plan.data_folder);
        plan.binaries = find_binaries(options.binaries(), inspect_data_folder(plan.data_folder).major);
        plan.lock = open_data_folder(plan.data_folder, plan.user);
        lock_data_folder(plan.data_folder, plan.lock, stop);
        const folder_state state = inspect_data_folder(plan.data_folder, plan.lock); // another start may have filled it
        plan.initialised = state.initialised;
        if (plan.initialised)
            remove_stale_pid_file(plan.data_folder, plan.lock);
        else
            hand_over(plan.data_folder, plan.lock, plan.user);
    }
    const std::vector<fs::path> folders = temporary_folders(plan.user);
    plan.socket_folder = place_for_socket(folders);
    if (plan.temporary)
        plan.data_folder = folders.front() == plan.socket_folder.parent_path() ? plan.socket_folder / "data"
                                                                               : folders.front() / random_name();
    plan.command = server_command(plan, options);
    plan.url = url_of(plan, options, options.database());
    plan.administration_url = url_of(plan, options, "postgres");
    return plan;
}

} // namespace eventstore::embedded
