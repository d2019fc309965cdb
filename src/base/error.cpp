#include <eventstore/error.hpp>

namespace eventstore {

namespace {

const char* text_of(errc code) noexcept {
    switch (code) {
    case errc::wrong_expected_version: return "the stream is not at the expected version";
    case errc::stream_exists: return "the stream exists already";
    case errc::stream_not_found: return "the stream does not exist";
    case errc::stream_deleted: return "the stream was deleted";
    case errc::duplicate_event: return "an event id is stored already";
    case errc::reserved_stream: return "the stream name is reserved";
    case errc::invalid_argument: return "an argument is not valid";
    case errc::event_not_found: return "no event has this id";
    case errc::next_pending: return "next() is waiting already";
    case errc::schema_missing: return "the schema holds no event store of this version";
    case errc::schema_too_new: return "the schema is newer than this library";
    case errc::server_unusable: return "the server cannot keep what the store promises";
    case errc::store_closed: return "the store is closed";
    case errc::overloaded: return "too many bytes are queued";
    case errc::connection_lost: return "the connection to PostgreSQL is lost";
    case errc::lock_timeout: return "another session holds the lock that is needed";
    case errc::timeout: return "the time was over";
    case errc::cancelled: return "the operation was cancelled";
    case errc::database_error: return "PostgreSQL reported an error";
    case errc::embedded_server_failed: return "the embedded PostgreSQL did not start";
    case errc::subscription_already_exists: return "the subscription has an owner already";
    case errc::too_many_subscribers: return "the subscription has as many consumers as it allows";
    case errc::subscription_not_found: return "there is no such subscription";
    case errc::subscription_lost: return "the subscription has another owner by now";
    case errc::subscription_deleted: return "the subscription was deleted";
    case errc::subscription_stopped: return "the subscription stopped at an event that was refused too often";
    case errc::unexpected_ack: return "the event was not handed out";
    case errc::handler_failed: return "a handler threw an exception";
    case errc::log_truncated: return "the log was cut back behind what was seen";
    case errc::snapshot_not_found: return "there is no snapshot of this source";
    case errc::hard_delete_disabled: return "streams may not be deleted for good";
    case errc::transaction_ended: return "the transaction has ended";
    case errc::unknown_event_type: return "no codec knows this type of event";
    case errc::event_not_decodable: return "the data of an event does not fit its type";
    case errc::subscription_ended: return "the subscription was ended by its own side";
    case errc::projection_not_found: return "there is no such projection";
    case errc::projection_superseded: return "the version of the projection was dropped";
    case errc::command_refused: return "the decision has refused the command";
    case errc::subscription_behind: return "a subscription needs events that were to be removed";
    case errc::file_failed: return "a file could not be opened, read or written";
    case errc::file_damaged: return "a file of events is damaged, incomplete, or none";
    case errc::import_refused: return "the store holds other events than those to be imported";
    case errc::archive_refused: return "the archive does not hold all events that would be removed";
    }
    return "success";
}

class eventstore_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "eventstore"; }
    std::string message(int value) const override { return text_of(static_cast<errc>(value)); }

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

const boost::system::error_category& category() noexcept {
    static const eventstore_category instance;
    return instance;
}

error::error(failure why) : system_error(make_error_code(why.code()), why.message()), failure_(std::move(why)) {}
error::~error() = default;

void throw_exception_from_error(const failure& why, const boost::source_location&) { throw error(why); }

} // namespace eventstore
