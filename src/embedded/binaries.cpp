#include "embedded/binaries.hpp"

#include "embedded/child.hpp"
#include "embedded/start_failure.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace eventstore::embedded {

namespace fs = std::filesystem;

namespace {

constexpr int oldest_major = 14;

bool holds_server(const fs::path& folder) {
    return ::access((folder / "initdb").c_str(), X_OK) == 0 && ::access((folder / "postgres").c_str(), X_OK) == 0;
}

/// 15, for "postgres (PostgreSQL) 15.8 (Debian 15.8-1)"; 0 if it is something else.
int major_of(const fs::path& folder) {
    const std::string text = output_of({folder / "postgres", "-V"});
    constexpr std::string_view before = "(PostgreSQL) ";
    const auto at = text.find(before);
    int major = 0;
    if (at != std::string::npos) std::from_chars(text.data() + at + before.size(), text.data() + text.size(), major);
    return major;
}

/// What a * in front of /bin stands for, newest first: "15" or "postgresql@15" or "pgsql-15".
int number_in(const fs::path& pattern_match) {
    const std::string name = pattern_match.filename();
    const auto digit = name.find_first_of("0123456789");
    int number = 0;
    if (digit != std::string::npos) std::from_chars(name.data() + digit, name.data() + name.size(), number);
    return number;
}

/// The `bin` folders below those of `parent` whose names begin with `prefix`.
std::vector<fs::path> numbered(const fs::path& parent, std::string_view prefix) {
    std::vector<fs::path> found;
    std::error_code ignored;
    for (fs::directory_iterator entry(parent, ignored), end; !ignored && entry != end; entry.increment(ignored))
        if (entry->path().filename().string().starts_with(prefix)) found.push_back(entry->path());
    std::sort(
        found.begin(), found.end(), [](const fs::path& a, const fs::path& b) { return number_in(a) > number_in(b); });
    for (fs::path& folder : found) folder /= "bin";
    return found;
}

struct place {
    std::string pattern; ///< for the message
    std::vector<fs::path> folders;
};

std::vector<place> usual_places() {
    std::vector<place> all;
    place in_path{"PATH", {}};
    if (const char* path = std::getenv("PATH")) {
        std::string_view rest = path;
        while (!rest.empty()) {
            const std::string_view first = rest.substr(0, rest.find(':'));
            rest.remove_prefix(std::min(rest.size(), first.size() + 1));
            if (first.starts_with('/')) in_path.folders.emplace_back(first);
        }
    }
    all.push_back(std::move(in_path));
    const auto versions = [&](const char* pattern, const char* parent, const char* prefix) {
        all.push_back({pattern, numbered(parent, prefix)});
    };
    versions("/usr/lib/postgresql/*/bin", "/usr/lib/postgresql", "");                 // Debian, Ubuntu
    versions("/usr/pgsql-*/bin", "/usr", "pgsql-");                                   // postgresql.org's RPMs
    all.push_back({"/usr/bin", {"/usr/bin"}});                                        // Fedora, Arch
    all.push_back({"/usr/local/bin", {"/usr/local/bin"}});                            // FreeBSD
    all.push_back({"/usr/local/pgsql/bin", {"/usr/local/pgsql/bin"}});                // from source
    versions("/opt/homebrew/opt/postgresql*/bin", "/opt/homebrew/opt", "postgresql"); // Homebrew
    versions("/usr/local/opt/postgresql*/bin", "/usr/local/opt", "postgresql");       // Homebrew on Intel
    versions("/Applications/Postgres.app/Contents/Versions/*/bin", "/Applications/Postgres.app/Contents/Versions", "");
    return all;
}

server_binaries check_given(const fs::path& given, int major) {
    const fs::path folder = fs::absolute(given).lexically_normal();
    if (!holds_server(folder))
        fail("the folder ", detail::quoted_for_message(folder.native()),
            " holds no PostgreSQL server (the programs initdb and postgres): correct the option `binaries`, or leave "
            "it "
            "out to have the usual places searched");
    const int found = major_of(folder);
    if (found < oldest_major)
        fail("the PostgreSQL in ", detail::quoted_for_message(folder.native()), " is of version ",
            std::to_string(found), "; 14 or later is needed");
    if (major != 0 && found != major)
        fail("the data folder was made by PostgreSQL ", std::to_string(major), ", but the server in ",
            detail::quoted_for_message(folder.native()), " is of version ", std::to_string(found),
            ": give the binaries of version ", std::to_string(major),
            ", upgrade the data with pg_upgrade, or give another folder");
    return {folder, found};
}

} // namespace

server_binaries find_binaries(const fs::path& given, int major) {
    if (!given.empty()) return check_given(given, major);

    std::string searched;
    std::string others;
    for (const place& location : usual_places()) {
        searched += (searched.empty() ? "" : ", ") + location.pattern;
        for (const fs::path& folder : location.folders) {
            if (!holds_server(folder)) continue;
            const int found = major_of(folder);
            if (found >= oldest_major && (major == 0 || found == major)) return {folder, found};
            others += detail::message(others.empty() ? "" : ", ", std::to_string(found), " in ", folder.native());
        }
    }
    const std::string install = major == 0 ? std::string("postgresql") : "postgresql-" + std::to_string(major);
    fail(major == 0
            ? std::string("no PostgreSQL server of version 14 or later was found")
            : "the data folder was made by PostgreSQL " + std::to_string(major) + ", of which no server was found",
        " (searched: ", searched, others.empty() ? "" : "; found only: ", others,
        "). Install it (Debian, Ubuntu: apt install ", install,
        "; Fedora: dnf install postgresql-server; macOS: brew install postgresql",
        major == 0 ? std::string() : "@" + std::to_string(major), "), or name its folder with the option `binaries`");
}

} // namespace eventstore::embedded
