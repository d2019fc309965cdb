/// The statements of one store: the SQL files, for the store's own schema.
#pragma once

#include "postgres/statement.hpp"

#include <eventstore/store_options.hpp>

#include <string>
#include <string_view>

namespace eventstore::storage {

/// A name as SQL writes it: in double quotes, with those inside doubled.
std::string quoted_identifier(std::string_view name);

/// A text as SQL writes it.
std::string quoted_literal(std::string_view text);

/// SQL that was written for a schema named eventstore, for this schema instead.
std::string for_schema(std::string_view sql, std::string_view schema);

/// Keeps the lines marked `-- forward` and drops those marked `-- backward`, or the other way round.
std::string for_direction(std::string_view sql, bool backward);

/// Keeps the lines marked `-- deleted` (without the mark) or drops them.
std::string for_state(std::string_view sql, bool deleted);

/// Keeps the lines marked `-- links` (without the mark) or drops them.
std::string for_links(std::string_view sql, bool links);

/// Keeps the lines marked `-- proof` (without the mark) and drops those marked `-- plain`, or the other way round.
std::string for_proof(std::string_view sql, bool proof);

/// For payloads kept as jsonb: drops the lines marked `-- bytea`, and takes the comment mark off those that begin with
/// `--jsonb `. For bytea the SQL is as it stands.
std::string for_payload(std::string_view sql, payload_format format);

/// All statements of a store. Made once, and kept while one of them is under way.
struct statements final : postgres::statement_set {
    /// \param first_index of stores that share connections: each has indexes of its own, `most` at most
    explicit statements(std::string_view schema, std::size_t first_index = 0);

    static constexpr std::size_t most = 100;

    postgres::statement append_event, append_events, append_events_or_fail, lock_holders;
    /// Each by direction: [0] forward, [1] backward.
    postgres::statement read_stream[2], read_links[2], read_stream_bounded[2], read_all[2], read_all_bounded[2];
    /// The same two for a page that goes on after one that was read before.
    postgres::statement read_stream_on[2], read_links_on[2];
    postgres::statement originals, stream_names, visible_streams, find_event, stream_info, log_info, log_progress;
    /// Each by direction, too: [0] all or those that are not deleted, [1] the deleted ones.
    postgres::statement streams[2][2], streams_by_age[2][2];
    postgres::statement announce, claim_subscription, settle_subscriptions, checkpoint_or_fail, unpark_or_fail,
        park_events, delete_subscription, reset_subscription, subscription_reached, subscriptions, parked_events,
        parked_summary, release_parked, unpark_events, parked_to_replay;
    postgres::statement delete_stream, purge_stream, restore_stream, tombstones, deletion_preview;
    postgres::statement open_projection, enter_projection, hand_over_projection, switch_projection, drop_projection,
        projections;
    postgres::statement set_retention, remove_retention, retentions, stream_retention, prepare_scavenging, scavenge,
        remove_before;
    postgres::statement record_snapshot, read_snapshot, delete_snapshot;

private:
    std::size_t next_index_;
    postgres::statement make(std::string_view schema, std::string_view name, std::string_view sql,
        std::vector<postgres::type_oid> types, std::string_view doing);
};

} // namespace eventstore::storage
