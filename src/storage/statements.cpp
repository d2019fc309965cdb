#include "storage/statements.hpp"

#include "storage/append_columns.hpp"
#include "storage/event_query.hpp"
#include "storage/sql.hpp"

#include <initializer_list>
#include <iterator>

namespace eventstore::storage {

using enum postgres::type_oid;

std::string quoted_identifier(std::string_view name) {
    std::string quoted = "\"";
    for (const char c : name) {
        quoted += c;
        if (c == '"') quoted += c;
    }
    return quoted += '"';
}

std::string quoted_literal(std::string_view text) {
    std::string quoted = " E'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted += '\'';
}

std::string for_schema(std::string_view sql, std::string_view schema) {
    constexpr std::string_view written = "eventstore";
    const std::string identifier = quoted_identifier(schema);
    std::string in_literal; // the same inside single quotes
    for (const char c : identifier) {
        in_literal += c;
        if (c == '\'') in_literal += c;
    }

    std::string result;
    for (;;) {
        const auto at = sql.find(written);
        if (at == std::string_view::npos) return result += sql;
        const char before = at == 0 ? ' ' : sql[at - 1];
        const std::string_view after = sql.substr(at + written.size());
        result += sql.substr(0, at);
        // The schema is named as a prefix, or in a search_path. A setting of its own name ('eventstore.hard_delete') is
        // told apart by what follows.
        const bool is_setting = after.starts_with(".hard_delete");
        if (before == '\'' && after.starts_with(".") && !is_setting)
            result += in_literal;
        else if ((after.starts_with(".") && !is_setting) || after.starts_with(", pg_temp"))
            result += identifier;
        else
            result += written;
        sql = after;
    }
}

namespace {

/// Keeps the lines that end with the mark, without it, or drops them.
std::string with_marked_lines(std::string_view sql, std::string_view mark, bool kept) {
    std::string result;
    while (!sql.empty()) {
        const auto end = sql.find('\n');
        std::string_view line = sql.substr(0, end);
        sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 1);
        if (line.ends_with(mark)) {
            if (!kept) continue;
            line.remove_suffix(mark.size());
        }
        result += line;
        result += '\n';
    }
    return result;
}

} // namespace

std::string for_direction(std::string_view sql, bool backward) {
    return with_marked_lines(with_marked_lines(sql, " -- forward", !backward), " -- backward", backward);
}

std::string for_state(std::string_view sql, bool deleted) { return with_marked_lines(sql, " -- deleted", deleted); }

std::string for_links(std::string_view sql, bool links) { return with_marked_lines(sql, " -- links", links); }

std::string for_proof(std::string_view sql, bool proof) {
    return with_marked_lines(with_marked_lines(sql, " -- plain", !proof), " -- proof", proof);
}

std::string for_payload(std::string_view sql, payload_format format) {
    constexpr std::string_view only_jsonb = "--jsonb ";
    if (format == payload_format::bytea) return std::string(sql);
    std::string result;
    while (!sql.empty()) {
        const auto end = sql.find('\n');
        std::string_view line = sql.substr(0, end);
        sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 1);
        if (line.ends_with(" -- bytea")) continue;
        if (line.starts_with(only_jsonb)) line.remove_prefix(only_jsonb.size());
        result += line;
        result += '\n';
    }
    return result;
}

namespace {

/// The types of a statement that takes an event_query between these parameters.
std::vector<postgres::type_oid> with_query(
    std::vector<postgres::type_oid> before, std::initializer_list<postgres::type_oid> after) {
    before.insert(before.end(), std::begin(query_types), std::end(query_types));
    before.insert(before.end(), after);
    return before;
}

} // namespace

postgres::statement statements::make(std::string_view schema, std::string_view name, std::string_view sql,
    std::vector<postgres::type_oid> types, std::string_view doing) {
    postgres::statement made;
    made.index = next_index_++;
    made.name = name;
    made.text = for_schema(sql, schema);
    made.types = std::move(types);
    made.doing = doing;
    made.set = this;
    return made;
}

statements::statements(std::string_view schema, std::size_t first_index) : next_index_(first_index) {
    append_event = make(schema, "append_event", sql::append_event, lone_append_types(), "appending");
    append_events = make(schema, "append_events", sql::append_events, append_types(), "appending");
    append_events_or_fail = make(
        schema, "append_events_or_fail", sql::append_events_or_fail, append_events.types, "committing a transaction");
    lock_holders = make(schema, "lock_holders", sql::lock_holders, {int4}, "looking for the holder of a lock");
    for (const bool backward : {false, true}) {
        const std::string suffix = backward ? "_backward" : "";
        const auto page = [&](std::string_view name, std::string_view sql, std::vector<postgres::type_oid> types,
                              std::string_view doing) {
            return make(schema, std::string(name) + suffix, for_direction(sql, backward), std::move(types), doing);
        };
        const auto stream_page = [&](std::string_view name, bool links, bool proof) {
            std::vector<postgres::type_oid> types(proof ? 5 : 4, int8);
            types.front() = text;
            return page(
                name, for_proof(for_links(sql::read_stream, links), proof), std::move(types), "reading a stream");
        };
        read_stream[backward] = stream_page("read_stream", false, false);
        read_links[backward] = stream_page("read_links", true, false);
        read_stream_on[backward] = stream_page("read_stream_on", false, true);
        read_links_on[backward] = stream_page("read_links_on", true, true);
        read_stream_bounded[backward] = page("read_stream_bounded", for_query(sql::read_stream_bounded),
            with_query({text, int8, int8, int8}, {int8, int8}), "reading a stream");
        read_all[backward] =
            page("read_all", sql::read_all, {int8, int8, int8, boolean, int8, int8}, "reading the log");
        read_all_bounded[backward] = page("read_all_bounded", for_query(sql::read_all_bounded),
            with_query({int8, int8, int8}, {int8, boolean, int8, int8}), "reading the log");
    }
    originals = make(schema, "originals", sql::originals, {int8_array, int8}, "reading what links stand for");
    stream_names = make(schema, "stream_names", sql::stream_names, {int8_array}, "reading the names of streams");
    visible_streams =
        make(schema, "visible_streams", sql::visible_streams, {text_array}, "looking for streams that were deleted");
    find_event = make(schema, "find_event", sql::find_event, {uuid}, "looking for an event");
    stream_info = make(schema, "stream_info", sql::stream_info, {text}, "reading what is known of a stream");
    log_info = make(schema, "log_info", sql::log_info, {}, "reading what is known of the log");
    log_progress = make(schema, "log_progress", sql::log_progress, {int4, int8}, "looking how far the log goes");
    for (const bool deleted : {false, true}) {
        for (const bool backward : {false, true}) {
            const std::string suffix = std::string(deleted ? "_deleted" : "") + (backward ? "_backward" : "");
            const auto list = [&](std::string_view name, std::string_view sql, postgres::type_oid place) {
                return make(schema, std::string(name) + suffix, for_direction(for_state(sql, deleted), backward),
                    {place, text, text, int8, text, boolean}, "listing streams");
            };
            streams[deleted][backward] = list("streams", sql::streams, text);
            streams_by_age[deleted][backward] = list("streams_by_age", sql::streams_by_age, int8);
        }
    }
    announce = make(schema, "announce", sql::announce, {int8, int8}, "telling others of appends");
    claim_subscription = make(schema, "claim_subscription", sql::claim_subscription,
        {text, text, uuid, text, int8, int8, int8_array}, "taking a subscription");
    settle_subscriptions = make(schema, "settle_subscriptions", sql::settle_subscriptions,
        {int8_array, int8_array, uuid_array, int8_array, int8_array, int8_array, uuid_array, int4_array, int8_array,
            uuid_array, int4_array, int8_array, int8_array, boolean_array, int8_array},
        "writing the checkpoints of subscriptions");
    checkpoint_or_fail = make(schema, "checkpoint_or_fail", sql::checkpoint_or_fail,
        {int8, int8, uuid, int8, int8, int8, int8, uuid, int4, int8, uuid}, "writing the checkpoint of a subscription");
    unpark_or_fail = make(schema, "unpark_or_fail", sql::unpark_or_fail, {int8, int8, int8_array}, "unparking events");
    park_events =
        make(schema, "park_events", sql::park_events, {int8, int8, int8_array, int4_array, text}, "parking events");
    delete_subscription =
        make(schema, "delete_subscription", sql::delete_subscription, {text, text}, "deleting a subscription");
    reset_subscription =
        make(schema, "reset_subscription", sql::reset_subscription, {text, text, int8}, "resetting a subscription");
    subscription_reached = make(schema, "subscription_reached", sql::subscription_reached, {text, text, int8},
        "looking for the checkpoint of a subscription");
    subscriptions = make(schema, "subscriptions", sql::subscriptions, {}, "listing subscriptions");
    parked_events = make(schema, "parked_events", sql::parked_events, {text, text}, "listing parked events");
    parked_summary = make(schema, "parked_summary", sql::parked_summary, {int8}, "counting parked events");
    release_parked = make(
        schema, "release_parked", sql::release_parked, {text, text, int8_array, boolean}, "replaying parked events");
    unpark_events = make(schema, "unpark_events", sql::unpark_events, {int8, int8, int8_array}, "unparking events");
    parked_to_replay = make(schema, "parked_to_replay", sql::parked_to_replay, {int8, int8_array, int8},
        "looking for parked events to replay");
    delete_stream = make(schema, "delete_stream", sql::delete_stream, {text, int8, boolean, uuid}, "deleting a stream");
    purge_stream = make(schema, "purge_stream", sql::purge_stream, {int8, int4}, "removing the events of a stream");
    restore_stream = make(schema, "restore_stream", sql::restore_stream, {text}, "restoring a stream");
    tombstones = make(schema, "tombstones", sql::tombstones, {}, "looking for streams that are being deleted");
    deletion_preview =
        make(schema, "deletion_preview", sql::deletion_preview, {text}, "counting what a deletion would remove");
    open_projection = make(schema, "open_projection", sql::open_projection, {text, int4, int4}, "opening a projection");
    enter_projection = make(schema, "enter_projection", sql::enter_projection, {text, int4}, "keeping a projection");
    hand_over_projection = make(
        schema, "hand_over_projection", sql::hand_over_projection, {text, int4, int8}, "handing over a projection");
    switch_projection =
        make(schema, "switch_projection", sql::switch_projection, {text, int4}, "switching a projection");
    drop_projection =
        make(schema, "drop_projection", sql::drop_projection, {text, int4, int4}, "dropping a projection");
    projections = make(schema, "projections", sql::projections, {text}, "listing projections");
    set_retention =
        make(schema, "set_retention", sql::set_retention, {text, boolean, int8, int8, int8}, "setting a retention");
    remove_retention = make(schema, "remove_retention", sql::remove_retention, {text, boolean}, "removing a retention");
    retentions = make(schema, "retentions", sql::retentions, {}, "listing retentions");
    stream_retention =
        make(schema, "stream_retention", sql::stream_retention, {text}, "reading the retention of a stream");
    prepare_scavenging = make(schema, "prepare_scavenging", sql::prepare_scavenging, {}, "scavenging");
    scavenge = make(schema, "scavenge", sql::scavenge, {text, text, int4, boolean}, "scavenging");
    remove_before = make(
        schema, "remove_before", sql::remove_before, {int8, int4, boolean}, "removing the events before a position");
    record_snapshot =
        make(schema, "record_snapshot", sql::record_snapshot, {text, int8, text, bytea, bytea}, "recording a snapshot");
    read_snapshot = make(schema, "read_snapshot", sql::read_snapshot, {text}, "reading a snapshot");
    delete_snapshot = make(schema, "delete_snapshot", sql::delete_snapshot, {text}, "deleting a snapshot");
    for (postgres::statement* statement :
        {&append_event, &append_events, &append_events_or_fail, &announce, &claim_subscription, &settle_subscriptions,
            &checkpoint_or_fail, &unpark_or_fail, &park_events, &unpark_events, &release_parked, &delete_subscription,
            &reset_subscription, &delete_stream, &purge_stream, &restore_stream, &open_projection, &record_snapshot,
            &delete_snapshot, &set_retention, &remove_retention, &prepare_scavenging, &scavenge, &remove_before})
        statement->writes = true;
}

} // namespace eventstore::storage
