#include "storage/append_columns.hpp"

#include <algorithm>
#include <type_traits>

namespace eventstore::storage {

namespace {

using enum postgres::type_oid;
using postgres::parameters;
using postgres::type_oid;
using group = append_rows::group;
using part = append_rows::part;
using place = std::size_t; // of an event in its part, from 0

bool has_metadata(const append_rows& all) {
    const auto has_some = [](const event_data& event) { return !event.metadata().empty(); };
    return std::ranges::any_of(
        all.parts, [&](const part& stream_part) { return std::ranges::any_of(stream_part.events, has_some); });
}
bool has_units(const append_rows& all) { return all.has_units; }
bool has_places(const append_rows& all) { return !all.is_plain; }

std::int64_t largest_payload(const append_rows& all) {
    std::size_t largest = 0;
    for (const part& stream_part : all.parts)
        for (const event_data& event : stream_part.events)
            largest = std::max(largest, event.data().size() + event.metadata().size());
    return static_cast<std::int64_t>(largest);
}

// ---- the table: a line for each parameter, in their order. What is optional and missing everywhere is one null, as is what
// the last argument says that nobody has.

template <class Columns>
void columns_of_event(Columns& to) {
    to.each_event(
        uuid, [](const part& of, place n) -> const auto& { return of.events[n].id(); });
    to.each_event(
        text, [](const part& of, place n) -> const auto& { return of.events[n].type(); });
    to.each_event(
        bytea, [](const part& of, place n) -> const auto& { return of.events[n].data(); });
    to.each_event(
        bytea, [](const part& of, place n) -> const auto& { return of.events[n].metadata(); }, has_metadata);
    to.each_event(
        uuid, [](const part& of, place n) -> const auto& { return of.events[n].correlation_id(); });
    to.each_event(
        uuid, [](const part& of, place n) -> const auto& { return of.events[n].causation_id(); });
    to.each_event(
        timestamptz, [](const part& of, place n) -> const auto& { return of.events[n].created_at(); });
}

template <class Columns>
void columns_of_proof(Columns& to) {
    to.one(int8, [](const append_rows& all) {
        return all.seen.position == 0 ? std::nullopt : std::optional(all.seen.position);
    });
    to.one(uuid, [](const append_rows& all) { return all.seen.event; });
}

template <class Columns>
void columns_of_append_event(Columns& to) {
    to.one(text, [](const append_rows& all) { return all.groups.front().stream; });
    to.one(int8, [](const append_rows& all) { return all.parts.front().expected; });
    columns_of_event(to);
    to.one(boolean, [](const append_rows& all) { return all.parts.front().is_retry; });
    columns_of_proof(to);
    to.one(uuid, [](const append_rows& all) { return all.parts.front().after; });
}

template <class Columns>
void columns_of_append_events(Columns& to) {
    to.each_group(text, [](const group& of) { return of.stream; });
    to.each_group(int8, [](const group& of) { return of.expected; });
    to.each_group(
        int4, [](const group& of) { return of.events; }, has_places);
    to.each_group(timestamptz, [](const group& of) { return of.created_at; });
    to.one(int4, [](const append_rows& all) { return static_cast<std::int32_t>(all.new_streams); });

    to.each_part(
        int4, [](const part& of) { return of.group; }, has_places);
    to.each_part(
        int8, [](const part& of) { return of.expected; }, has_places);
    to.each_part(
        int4, [](const part& of) { return static_cast<std::int32_t>(of.events.size()); }, has_places);
    to.each_part(
        boolean, [](const part& of) { return of.is_retry; }, has_places);

    to.each_event(
        int4, [](const part& of, place) { return of.group; }, has_places);
    to.each_event(
        int4, [](const part& of, place n) { return of.offset + static_cast<std::int32_t>(n) + 1; }, has_places);
    columns_of_event(to);
    to.each_event(uuid,
        [](const part& of, place n) { return of.originals.empty() ? std::nullopt : std::optional(of.originals[n]); });
    to.each_part(
        int4, [](const part& of) { return of.unit; }, has_units);
    to.one(int8, largest_payload);
    to.one(boolean, [](const append_rows& all) { return all.is_careful; });
    columns_of_proof(to);
    to.each_part(uuid, [](const part& of) { return of.after; });
}

// ---- what is made of it

type_oid array_of(type_oid element) {
    switch (element) {
    case boolean: return boolean_array;
    case bytea: return bytea_array;
    case int4: return int4_array;
    case text: return text_array;
    case timestamptz: return timestamptz_array;
    case uuid: return uuid_array;
    default: return int8_array;
    }
}

struct types {
    std::vector<type_oid>& all;
    const bool is_lone;

    void one(type_oid type, const auto&) { all.push_back(type); }
    void each_group(type_oid type, const auto&...) { all.push_back(array_of(type)); }
    void each_part(type_oid type, const auto&...) { all.push_back(array_of(type)); }
    void each_event(type_oid type, const auto&...) { all.push_back(is_lone ? type : array_of(type)); }
};

void add(parameters& to, const auto& value) {
    if constexpr (requires { value.has_value(); })
        value ? to.add(*value) : to.add_null();
    else
        to.add(value);
}

constexpr auto always = [](const append_rows&) { return true; };

struct encoder {
    parameters& to;
    const append_rows& from;
    const bool is_lone;

    void one(type_oid, const auto& get) { add(to, get(from)); }
    template <class Get, class Sent = decltype(always)>
    void each_group(type_oid type, const Get& get, const Sent& is_sent = always) {
        array(type, from.groups.size(), is_sent, [&](auto visit) {
            for (const group& stream_group : from.groups) visit(get(stream_group));
        });
    }
    template <class Get, class Sent = decltype(always)>
    void each_part(type_oid type, const Get& get, const Sent& is_sent = always) {
        array(type, from.parts.size(), is_sent, [&](auto visit) {
            for (const part& stream_part : from.parts) visit(get(stream_part));
        });
    }
    template <class Get, class Sent = decltype(always)>
    void each_event(type_oid type, const Get& get, const Sent& is_sent = always) {
        if (is_lone) return add(to, get(from.parts.front(), 0));
        array(type, from.events, is_sent, [&](auto visit) {
            for (const part& stream_part : from.parts)
                for (place n = 0; n < stream_part.events.size(); ++n) visit(get(stream_part, n));
        });
    }

private:
    void array(type_oid type, std::size_t size, const auto& is_sent, const auto& visit_each) {
        bool has_any = false;
        bool has_nulls = false;
        visit_each([&](const auto& value) {
            if constexpr (requires { value.has_value(); }) {
                has_any |= value.has_value();
                has_nulls = true;
            } else {
                has_any = true;
            }
        });
        if (!has_any || !is_sent(from)) return to.add_null();
        to.begin_array(type, size, has_nulls);
        visit_each([&](const auto& value) { add(to, value); });
    }
};

} // namespace

std::vector<type_oid> append_types() {
    std::vector<type_oid> all;
    types list{all, false};
    columns_of_append_events(list);
    return all;
}

std::vector<type_oid> lone_append_types() {
    std::vector<type_oid> all;
    types list{all, true};
    columns_of_append_event(list);
    return all;
}

parameters encode(const append_rows& rows) {
    parameters all;
    all.reserve(rows.bytes + 80 * rows.events + 60 * rows.groups.size() + 40 * rows.parts.size() + 500);
    encoder into{all, rows, false};
    columns_of_append_events(into);
    return all;
}

parameters encode_lone(const append_rows& rows) {
    parameters all;
    all.reserve(rows.bytes + 100);
    encoder into{all, rows, true};
    columns_of_append_event(into);
    return all;
}

} // namespace eventstore::storage
