#include "simulation/real_database.hpp"

#include <chrono>
#include <span>

namespace eventstore::test::simulation {

namespace {

constexpr std::chrono::seconds patience{60};

postgres::parameters with_positions(std::int64_t id, std::int64_t epoch, const std::vector<std::int64_t>& positions) {
    postgres::parameters arguments;
    arguments.add(id);
    arguments.add(epoch);
    arguments.begin_array(postgres::type_oid::int8, positions.size());
    for (const std::int64_t position : positions) arguments.add(position);
    return arguments;
}

std::string text_of_failure(const failure& why) {
    return why.sqlstate().empty() ? "failure: " + why.message() : "SQLSTATE " + why.sqlstate();
}

std::string text_of_boolean(const result<postgres::answer>& answer) {
    return answer ? text_of(answer->boolean(0, 0)) : text_of_failure(answer.error());
}

} // namespace

asio::awaitable<result<postgres::answer>> real_database::execute(
    const postgres::statement& statement, postgres::parameters arguments) const {
    auto asking =
        postgres::pool::execute(pool, statement, std::move(arguments), std::chrono::steady_clock::now() + patience);
    co_return co_await std::move(asking);
}

asio::awaitable<std::string> real_database::ask(const append_call& call) const {
    std::vector<std::shared_ptr<append::append_request>> appends;
    for (std::size_t i = 0; i < call.appends.size(); ++i) {
        appends.push_back(std::make_shared<append::append_request>(
            std::weak_ptr<append::appender>(), append::part_list(call.appends[i]->parts)));
        appends.back()->is_retry = call.retries[i];
    }
    const append::append_plan plan(appends);
    auto asking = call.is_lone ? execute(statements->append_event, plan.lone_arguments(call.seen))
                               : execute(statements->append_events, plan.arguments(call.care, call.seen));
    const auto answer = co_await std::move(asking);
    append_reply reply;
    if (!answer) {
        reply.sqlstate = answer.error().sqlstate();
        if (reply.sqlstate.empty()) co_return answer.error().message();
        co_return text_of(reply);
    }
    reply.values = answer->int8_array(0, 0);
    reply.is_of_lone = call.is_lone && reply.values[0] == 0;
    co_return text_of(reply);
}

asio::awaitable<std::string> real_database::ask(const claim_call& call) const {
    postgres::parameters arguments;
    arguments.add(call.stream);
    arguments.add(call.name);
    arguments.add(call.owner);
    arguments.add(std::string("a simulated store"));
    arguments.add(static_cast<std::int64_t>(call.lease.count()) * time_scale);
    if (call.start)
        arguments.add(*call.start);
    else
        arguments.add_null();
    if (call.stalled) {
        arguments.begin_array(postgres::type_oid::int8, 3);
        arguments.add(call.stalled->id);
        arguments.add(call.stalled->epoch);
        arguments.add(call.stalled->beat);
    } else {
        arguments.add_null();
    }
    auto asking = execute(statements->claim_subscription, std::move(arguments));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return text_of_failure(answer.error());
    claim_reply reply;
    reply.is_taken = answer->boolean(0, 0);
    reply.there = {answer->int8(0, 1), answer->int8(0, 2), answer->int8(0, 3)};
    reply.is_truncated = answer->boolean(0, 6);
    if (!reply.is_taken) {
        reply.owners_lease = milliseconds(answer->int8(0, 7) / time_scale);
        co_return text_of(reply);
    }
    reply.checkpoint = {answer->int8(0, 4), answer->int8(0, 5)};
    reply.replays = answer->boolean(0, 8);
    reply.stream_id = answer->is_null(0, 10) ? 0 : answer->int8(0, 10);
    reply.event = answer->optional_id(0, 11);
    reply.handed_out.deliveries = answer->int4(0, 12);
    reply.handed_out.delivered = answer->int8(0, 13);
    reply.handed_out.through = answer->int8(0, 14);
    co_return text_of(reply);
}

asio::awaitable<std::string> real_database::ask(const settle_call& call) const {
    std::vector<delivery::lease_write> rows;
    for (const delivery::lease_write& row : call.rows) rows.push_back(of_here(row));
    std::vector<delivery::owned_write> owned;
    for (const delivery::lease_write& row : rows) owned.push_back({&row, call.owner});
    auto asking = execute(statements->settle_subscriptions, delivery::arguments_of(owned));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return text_of_failure(answer.error());
    std::vector<std::int64_t> codes;
    for (const auto& code : answer->int8_array(0, 0)) codes.push_back(code.value_or(-1));
    co_return text_of(codes);
}

asio::awaitable<std::string> real_database::ask(const checkpoint_call& call) const {
    auto asking =
        execute(statements->checkpoint_or_fail, delivery::checkpoint_arguments(of_here(call.row), call.owner));
    const auto answer = co_await std::move(asking);
    co_return answer ? text_of(std::string()) : text_of_failure(answer.error());
}

asio::awaitable<std::string> real_database::ask(const park_call& call) const {
    postgres::parameters arguments = with_positions(call.id, call.epoch, call.positions);
    arguments.begin_array(postgres::type_oid::int4, call.counts.size());
    for (const int count : call.counts) arguments.add(std::int32_t(count));
    arguments.add(std::string("refused"));
    auto asking = execute(statements->park_events, std::move(arguments));
    const auto answer = co_await std::move(asking);
    co_return text_of_boolean(answer);
}

asio::awaitable<std::string> real_database::ask(const unpark_call& call) const {
    const postgres::statement& statement = call.is_checked ? statements->unpark_or_fail : statements->unpark_events;
    auto asking = execute(statement, with_positions(call.id, call.epoch, call.positions));
    const auto answer = co_await std::move(asking);
    if (!call.is_checked) co_return text_of_boolean(answer);
    co_return answer ? text_of(std::string()) : text_of_failure(answer.error());
}

asio::awaitable<std::string> real_database::ask(const release_call& call) const {
    postgres::parameters arguments;
    arguments.add(call.stream);
    arguments.add(call.name);
    arguments.add_null();
    arguments.add(false);
    auto asking = execute(statements->release_parked, std::move(arguments));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return text_of_failure(answer.error());
    std::optional<std::int64_t> count;
    if (!answer->is_null(0, 0)) count = answer->int8(0, 0);
    co_return text_of(count);
}

asio::awaitable<std::string> real_database::ask(const replays_call& call) const {
    postgres::parameters arguments;
    arguments.add(call.id);
    arguments.begin_array(postgres::type_oid::int8, call.known.size());
    for (const std::int64_t position : call.known) arguments.add(position);
    arguments.add(call.most);
    auto asking = execute(statements->parked_to_replay, std::move(arguments));
    const auto answer = co_await std::move(asking);
    if (!answer) co_return text_of_failure(answer.error());
    replay_list list;
    for (int i = 0; i < answer->rows(); ++i) list.emplace_back(answer->int8(i, 0), answer->int4(i, 1));
    co_return text_of(list);
}

asio::awaitable<std::string> real_database::ask(const page_call& call) const {
    read_options options;
    options.from(call.from).count(call.count);
    const auto until = std::chrono::steady_clock::now() + patience;
    auto asking = call.stream == "$all"
        ? read::reader::read_with_links(reader, std::move(options), until, call.seen)
        : read::reader::read_snapshot(reader, call.stream, std::move(options), until, call.seen);
    const auto answer = co_await std::move(asking);
    page_reply reply;
    reply.is_missing = !answer && answer.error().code() == errc::stream_not_found;
    if (reply.is_missing) co_return text_of(reply);
    if (!answer) co_return text_of_failure(answer.error());
    std::vector<stored_event> events;
    for (const recorded_event& event : answer->page)
        events.push_back({event.position(), event.version(), 0, event.stream(), event.id(), event.type()});
    for (const stored_event& event : events) reply.events.push_back(&event);
    reply.head = answer->head;
    reply.seen_event = answer->seen_event;
    if (call.stream == "$all") reply.head_event = answer->event_at(answer->head);
    co_return text_of(reply);
}

asio::awaitable<std::string> real_database::ask(const look_call& call) const {
    storage::log_mark seen = call.seen;
    seen.timeline = timeline;
    auto asking = read::reader::look(reader, seen, std::chrono::steady_clock::now() + patience);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return text_of_failure(answer.error());
    co_return text_of(look_reply{answer->head, answer->is_held});
}

asio::awaitable<std::string> real_database::ask(const administer_call& call) const {
    postgres::parameters arguments;
    arguments.add(call.stream);
    arguments.add(call.name);
    if (call.checkpoint) arguments.add(*call.checkpoint);
    auto asking = execute(
        call.checkpoint ? statements->reset_subscription : statements->delete_subscription, std::move(arguments));
    const auto answer = co_await std::move(asking);
    co_return text_of_boolean(answer);
}

} // namespace eventstore::test::simulation
