// The command line.
#pragma once

#include "cli/output.hpp"

#include <eventstore/store.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::cli {

namespace asio = boost::asio;

struct command;

enum class style { json, table };

struct arguments {
    const cli::command* command = nullptr;
    boost::program_options::variables_map values; // the command's own options, and its argument
    std::string url;                              // empty if there is a folder
    std::optional<std::string> folder;            // of an embedded server
    std::string schema;
    style format = style::json;
    bool verbose = false;

    bool has(const char* name) const { return values.count(name) > 0; }
    template <class T>
    T get(const char* name) const {
        return values[name].as<T>();
    }
    std::string get(const char* name, std::string otherwise) const {
        return has(name) ? get<std::string>(name) : std::move(otherwise);
    }
    /// The place --from, if given. \throws usage_error
    std::optional<std::int64_t> from() const;
    /// --count, by default without end. \throws usage_error
    std::size_t count() const;

    /// Of a command that needs a store only sometimes: whether it was told where one is.
    bool names_store() const { return folder.has_value() || !url.empty(); }

    /// How to open the store. Its own work runs on the given executor.
    store_options options(asio::any_io_executor executor) const;
};

/// What a command works with.
struct task {
    const arguments& given;
    output& out;
    asio::any_io_executor background; // where the store works, so that the program may block when it reads and writes
};

/// Whether a command works on a store, and so has to be told where it is.
enum class store_use { always, sometimes, never };

struct command {
    std::string_view name; // a word, or two of which the first is a command as well
    std::string_view summary;
    std::string_view argument;             // its name; empty if the command takes none
    std::string_view second_argument = {}; // likewise; a command that takes two insists on both
    std::string_view help;
    void (*add_options)(boost::program_options::options_description& options) = nullptr;
    asio::awaitable<void> (*run)(task work);
    store_use store = store_use::always;
};

extern const command init_command;
extern const command migrate_command;
extern const command append_command;
extern const command link_command;
extern const command delete_command;
extern const command restore_command;
extern const command read_command;
extern const command tail_command;
extern const command streams_command;
extern const command info_command;
extern const command snapshot_command;
extern const command retention_command;
extern const command list_retentions_command;
extern const command set_retention_command;
extern const command show_retention_command;
extern const command remove_retention_command;
extern const command scavenge_command;
extern const command archive_command;
extern const command verify_command;
extern const command validate_command;
extern const command doctor_command;
extern const command drop_command;
extern const command completion_command;
extern const command man_command;
extern const command subscriptions_command;
extern const command delete_subscription_command;
extern const command reset_subscription_command;
extern const command parked_command;
extern const command replay_command;
extern const command discard_command;
extern const command projections_command;
extern const command drop_projection_command;
extern const command export_command;
extern const command import_command;
extern const command check_command;

/// Nothing if help or the version was asked for, and printed. \throws usage_error
std::optional<arguments> parse_arguments(int count, const char* const* words, output& out);

} // namespace eventstore::cli
