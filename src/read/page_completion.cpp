// What a page needs after its rows were read: the events behind links, and the names of streams.
#include "base/text.hpp"
#include "read/page_query.hpp"
#include "read/reader.hpp"
#include "storage/event_rows.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace eventstore::read {

namespace column = storage::column;
using storage::decode_event;
using storage::size_of;

asio::awaitable<failure> reader::complete(self_ptr self, page_query& query) {
    if (!query.links.empty()) {
        auto following = follow_links(self, query);
        if (failure why = co_await std::move(following); why.code() != errc()) co_return why;
    }
    if (!query.is_log() && !query.link_places && !query.copies) co_return failure();
    auto naming = name_streams(self, query);
    co_return co_await std::move(naming);
}

// Puts the original events in the places of their links. Only now it is known how large they are: the page may end
// earlier for that.
asio::awaitable<failure> reader::follow_links(self_ptr self, page_query& query) {
    auto& links = query.links;
    query.link_places = std::make_shared<std::vector<detail::link_place>>(links.size());
    std::vector<std::size_t> gone; // rows
    query.bytes = 0;               // counted anew, row by row
    std::size_t counted = 0;
    const auto count_up_to = [&](std::size_t row) {
        for (; counted < row; ++counted) query.bytes += size_of(query.rows[counted]);
    };
    for (std::size_t done = 0; done < links.size();) {
        count_up_to(links[done].row);
        postgres::parameters arguments;
        arguments.begin_array(postgres::type_oid::int8, links.size() - done);
        for (std::size_t i = done; i < links.size(); ++i) arguments.add(links[i].original);
        arguments.add(std::max<std::int64_t>(query.bytes_left(), 1));
        auto asking =
            postgres::pool::execute(self->pool_, self->statements_->originals, std::move(arguments), query.deadline);
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        const auto end = done + static_cast<std::size_t>(answer->rows());
        for (int i = 0; done < end; ++i, ++done) {
            detail::page_row& row = query.rows[links[done].row];
            count_up_to(links[done].row);
            ++counted;
            if (answer->is_null(i, column::version)) {
                gone.push_back(links[done].row);
                continue;
            }
            detail::page_row original = decode_event(*answer, i);
            const std::int64_t size = size_of(original);
            if (size > query.bytes_left() && links[done].row > 0) {
                query.complete = false;
                query.from = query.place(row);
                query.rows.resize(links[done].row);
                query.stream_ids.resize(query.rows.size());
                links.resize(done);
                break;
            }
            query.bytes += size;
            detail::link_place& place = (*query.link_places)[done];
            place.version = row.version;
            place.position = row.position;
            place.id = row.id;
            original.link = &place;
            row = original;
            query.stream_ids[links[done].row] = answer->int8(i, column::stream);
        }
        query.keep(*answer);
    }
    // From the last: the rows before keep their places.
    for (auto row = gone.rbegin(); row != gone.rend(); ++row) {
        query.rows.erase(query.rows.begin() + static_cast<std::ptrdiff_t>(*row));
        query.stream_ids.erase(query.stream_ids.begin() + static_cast<std::ptrdiff_t>(*row));
    }
    query.bytes = 0;
    for (std::size_t i = 0; i < query.rows.size(); ++i) {
        query.bytes += size_of(query.rows[i]);
        if (i == 0 || query.bytes_left() >= 0) continue;
        query.complete = false; // no room for the events of the stream itself behind those of links
        query.from = query.place(query.rows[i]);
        query.rows.resize(i);
        query.stream_ids.resize(i);
        break;
    }
    query.storage.push_back(query.link_places);
    co_return failure();
}

// An event whose stream has no row was deleted for good since it was read, or else a backup is being restored, and its
// streams are still to come: then it must not be passed over.
asio::awaitable<failure> reader::check_gone(self_ptr self, std::int64_t position, detail::steady_time deadline) {
    postgres::parameters arguments;
    arguments.begin_array(postgres::type_oid::int8, 1);
    arguments.add(position);
    arguments.add(std::int64_t(1));
    auto asking = postgres::pool::execute(self->pool_, self->statements_->originals, std::move(arguments), deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (answer->rows() == 0 || answer->is_null(0, column::version)) co_return failure();
    co_return failure(errc::database_error,
        {.message = detail::message("reading: the event at position ", std::to_string(position),
             " is of a stream that is not there; read again when the backup that is being restored is complete"),
            .retry_helps = true});
}

asio::awaitable<failure> reader::name_streams(self_ptr self, page_query& query) {
    struct blank {
        std::int64_t id = 0;
        std::string_view* text = nullptr;
    };
    std::vector<blank> unknown;
    auto names = std::make_shared<std::vector<stream_names::name>>();
    std::int64_t last_id = 0; // events of one stream often follow each other
    std::string_view last_name;
    self->check_names(query);
    const auto fill_in = [&](std::int64_t id, std::string_view& text) {
        if (id == 0) return;
        if (id != last_id) {
            auto name = self->names_.find(id);
            if (!name) return unknown.push_back({id, &text});
            last_id = id;
            last_name = *name;
            names->push_back(std::move(name));
        }
        text = last_name;
    };
    for (std::size_t i = 0; i < query.rows.size(); ++i) fill_in(query.stream_ids[i], query.rows[i].stream);
    for (std::size_t i = 0; i < query.links.size(); ++i)
        fill_in(query.links[i].stream_id, (*query.link_places)[i].stream);

    if (!unknown.empty()) {
        std::vector<std::int64_t> ids;
        for (const blank& missing : unknown) ids.push_back(missing.id);
        std::ranges::sort(ids);
        const auto repeated = std::ranges::unique(ids);
        ids.erase(repeated.begin(), repeated.end());
        postgres::parameters arguments;
        arguments.begin_array(postgres::type_oid::int8, ids.size());
        for (const std::int64_t id : ids) arguments.add(id);
        auto asking =
            postgres::pool::execute(self->pool_, self->statements_->stream_names, std::move(arguments), query.deadline);
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        std::unordered_map<std::int64_t, stream_names::name> fresh; // the memory may be smaller than this page
        for (int i = 0; i < answer->rows(); ++i) {
            const bool is_tombstone = answer->bytes(i, 1).starts_with("$deleted ");
            auto name = is_tombstone ? nullptr : self->names_.remember(answer->int8(i, 0), answer->bytes(i, 1));
            fresh.emplace(answer->int8(i, 0), std::move(name));
        }
        std::int64_t orphan = 0; // position
        for (std::size_t i = 0; i < query.rows.size() && orphan == 0; ++i) {
            const bool is_known = query.stream_ids[i] == 0 || fresh.contains(query.stream_ids[i]);
            if (query.rows[i].stream.empty() && !is_known) orphan = query.rows[i].position;
        }
        if (orphan != 0) {
            auto checking = check_gone(self, orphan, query.deadline);
            if (failure why = co_await std::move(checking); why.code() != errc()) co_return why;
        }
        for (const blank& missing : unknown) {
            if (const auto name = fresh.find(missing.id); name != fresh.end() && name->second)
                *missing.text = *name->second;
        }
        for (auto& [id, name] : fresh) {
            if (name) names->push_back(std::move(name));
        }
        // What has no name was deleted for good while this page was read.
        std::erase_if(query.rows, [&](const detail::page_row& row) {
            const bool is_of_this_stream = !query.is_log() && !row.link;
            return (row.stream.empty() && !is_of_this_stream) ||
                (row.link && query.is_log() && row.link->stream.empty());
        });
    }
    query.storage.push_back(std::move(names));
    self->anchor_names(query);
    co_return failure();
}

} // namespace eventstore::read
