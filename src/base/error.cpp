#include <eventstore/error.hpp>

namespace eventstore {

namespace {

struct words {
    constexpr words(const char* of_code, const char* says) noexcept : name(of_code), text(says) {}
    const char* name;
    const char* text;
};

constexpr words words_of(errc code) noexcept {
    switch (code) {
    case errc::wrong_expected_version:
        return words("wrong_expected_version", "the stream is not at the expected version");
    case errc::stream_exists: return words("stream_exists", "the stream exists already");
    case errc::stream_not_found: return words("stream_not_found", "the stream does not exist");
    case errc::stream_deleted: return words("stream_deleted", "the stream was deleted");
    case errc::duplicate_event: return words("duplicate_event", "an event id is stored already");
    case errc::reserved_stream: return words("reserved_stream", "the stream name is reserved");
    case errc::invalid_argument: return words("invalid_argument", "an argument is not valid");
    case errc::event_not_found: return words("event_not_found", "no event has this id");
    case errc::next_pending: return words("next_pending", "next() is waiting already");
    case errc::schema_missing: return words("schema_missing", "the schema holds no event store of this version");
    case errc::schema_too_new: return words("schema_too_new", "the schema is newer than this library");
    case errc::server_unusable: return words("server_unusable", "the server cannot keep what the store promises");
    case errc::store_closed: return words("store_closed", "the store is closed");
    case errc::overloaded: return words("overloaded", "too many bytes are queued");
    case errc::connection_lost: return words("connection_lost", "the connection to PostgreSQL is lost");
    case errc::lock_timeout: return words("lock_timeout", "another session holds the lock that is needed");
    case errc::timeout: return words("timeout", "the time was over");
    case errc::cancelled: return words("cancelled", "the operation was cancelled");
    case errc::database_error: return words("database_error", "PostgreSQL reported an error");
    case errc::embedded_server_failed: return words("embedded_server_failed", "the embedded PostgreSQL did not start");
    case errc::subscription_already_exists:
        return words("subscription_already_exists", "the subscription has an owner already");
    case errc::too_many_subscribers:
        return words("too_many_subscribers", "the subscription has as many consumers as it allows");
    case errc::subscription_not_found: return words("subscription_not_found", "there is no such subscription");
    case errc::subscription_lost: return words("subscription_lost", "the subscription has another owner by now");
    case errc::subscription_deleted: return words("subscription_deleted", "the subscription was deleted");
    case errc::subscription_stopped:
        return words("subscription_stopped", "the subscription stopped at an event that was refused too often");
    case errc::unexpected_ack: return words("unexpected_ack", "the event was not handed out");
    case errc::handler_failed: return words("handler_failed", "a handler threw an exception");
    case errc::log_truncated: return words("log_truncated", "the log was cut back behind what was seen");
    case errc::snapshot_not_found: return words("snapshot_not_found", "there is no snapshot of this source");
    case errc::hard_delete_disabled: return words("hard_delete_disabled", "streams may not be deleted for good");
    case errc::transaction_ended: return words("transaction_ended", "the transaction has ended");
    case errc::unknown_event_type: return words("unknown_event_type", "no codec knows this type of event");
    case errc::event_not_decodable: return words("event_not_decodable", "the data of an event does not fit its type");
    case errc::subscription_ended: return words("subscription_ended", "the subscription was ended by its own side");
    case errc::projection_not_found: return words("projection_not_found", "there is no such projection");
    case errc::projection_superseded:
        return words("projection_superseded", "the version of the projection was dropped");
    case errc::command_refused: return words("command_refused", "the decision has refused the command");
    case errc::subscription_behind:
        return words("subscription_behind", "a subscription needs events that were to be removed");
    case errc::file_failed: return words("file_failed", "a file could not be opened, read or written");
    case errc::file_damaged: return words("file_damaged", "a file of events is damaged, incomplete, or none");
    case errc::import_refused: return words("import_refused", "the store holds other events than those to be imported");
    case errc::archive_refused:
        return words("archive_refused", "the archive does not hold all events that would be removed");
    }
    return words("unknown", "success");
}

class eventstore_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "eventstore"; }
    std::string message(int value) const override { return words_of(static_cast<errc>(value)).text; }

    boost::system::error_condition default_error_condition(int value) const noexcept override {
        namespace generic = boost::system::errc;
        switch (static_cast<errc>(value)) {
        case errc::cancelled: return generic::make_error_condition(generic::operation_canceled);
        case errc::timeout: return generic::make_error_condition(generic::timed_out);
        case errc::invalid_argument: return generic::make_error_condition(generic::invalid_argument);
        case errc::connection_lost: return generic::make_error_condition(generic::connection_reset);
        default: return {value, *this};
        }
    }
};

} // namespace

std::string_view name_of(errc code) noexcept { return words_of(code).name; }

const boost::system::error_category& category() noexcept {
    static const eventstore_category instance;
    return instance;
}

error::error(failure why) : system_error(make_error_code(why.code()), why.message()), failure_(std::move(why)) {}
error::~error() = default;

void throw_exception_from_error(const failure& why, const boost::source_location&) { throw error(why); }

} // namespace eventstore
