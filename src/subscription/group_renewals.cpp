#include "subscription/group_renewals.hpp"

#include "storage/sql.hpp"

#include <utility>

namespace eventstore::delivery {

postgres::parameters arguments_of(const std::vector<owned_write>& all) {
    using enum postgres::type_oid; // here only: what is compiled together with this file has a type named uuid
    postgres::parameters arguments;
    const auto array = [&](postgres::type_oid type, auto add, bool has_nulls = false) {
        arguments.begin_array(type, all.size(), has_nulls);
        for (const owned_write& owned : all) add(*owned.row);
    };
    const auto add_optional = [&](const auto& value) {
        if (value)
            arguments.add(*value);
        else
            arguments.add_null();
    };
    using write = const lease_write&;
    array(int8, [&](write row) { arguments.add(row.id); });
    array(int8, [&](write row) { arguments.add(row.epoch); });
    arguments.begin_array(uuid, all.size());
    for (const owned_write& owned : all) arguments.add(owned.owner);
    array(int8, [&](write row) { arguments.add(row.from); });
    const auto add_position = [&](write row) {
        add_optional(row.is_moved ? std::optional(row.progress.checkpoint.where.position) : std::nullopt);
    };
    array(int8, add_position, true);
    array(int8, [&](write row) { arguments.add(row.progress.checkpoint.where.version); });
    array(
        uuid, [&](write row) { add_optional(row.progress.checkpoint.event); }, true);
    array(int4, [&](write row) { arguments.add(row.progress.timeline); });
    array(int8, [&](write row) { arguments.add(row.progress.received); });
    array(
        uuid, [&](write row) { add_optional(row.progress.received_event); }, true);
    array(int4, [&](write row) { arguments.add(std::int32_t(row.progress.handed_out.deliveries)); });
    array(int8, [&](write row) { arguments.add(row.progress.handed_out.delivered); });
    array(int8, [&](write row) { arguments.add(row.progress.handed_out.through); });
    array(boolean, [&](write row) { arguments.add(row.releases); });
    array(int8, [&](write row) { arguments.add(row.beat); });
    return arguments;
}

postgres::parameters checkpoint_arguments(const lease_write& row, const eventstore::uuid& owner) {
    postgres::parameters arguments;
    const auto add_id = [&](const std::optional<eventstore::uuid>& id) {
        if (id)
            arguments.add(*id);
        else
            arguments.add_null();
    };
    arguments.add(row.id);
    arguments.add(row.epoch);
    arguments.add(owner);
    arguments.add(row.from);
    arguments.add(row.first);
    arguments.add(row.progress.checkpoint.where.position);
    arguments.add(row.progress.checkpoint.where.version);
    add_id(row.progress.checkpoint.event);
    arguments.add(row.progress.timeline);
    arguments.add(row.progress.received);
    add_id(row.progress.received_event);
    return arguments;
}

postgres::parameters unpark_arguments(const lease_write& row, const std::vector<std::int64_t>& positions) {
    postgres::parameters arguments;
    arguments.add(row.id);
    arguments.add(row.epoch);
    arguments.begin_array(postgres::type_oid::int8, positions.size());
    for (const std::int64_t position : positions) arguments.add(position);
    return arguments;
}

class group_renewals::part final : public storage::combined::part {
public:
    part(const std::shared_ptr<storage::combined>& owner, std::string schema_, std::vector<lease_write> list,
        eventstore::uuid store)
        : storage::combined::part(owner, std::move(schema_), list.size()), rows(std::move(list)), store_(store) {}

    const std::vector<lease_write> rows;

    static storage::combined::question question() {
        using enum postgres::type_oid;
        storage::combined::question settlement;
        settlement.sql = storage::sql::combined_settlement;
        settlement.types = {int8_array, int8_array, uuid_array, int8_array, int8_array, int8_array, uuid_array,
            int4_array, int8_array, uuid_array, int4_array, int8_array, int8_array, boolean_array, int8_array};
        settlement.doing = "renewing the leases of subscriptions";
        settlement.writes = true;
        settlement.arguments = [](const storage::combined::parts& all) {
            std::vector<owned_write> list;
            for (const auto& asked : all) {
                const auto& renewals = static_cast<const part&>(*asked);
                for (const lease_write& write : renewals.rows) list.push_back({&write, renewals.store_});
            }
            return arguments_of(list);
        };
        return settlement;
    }

private:
    const eventstore::uuid store_;
};

group_renewals::group_renewals(
    const detail::environment& environment, std::shared_ptr<postgres::pool> pool, std::chrono::milliseconds timeout)
    : begun_(environment.now()),
      all_(std::make_shared<storage::combined>(part::question(), environment, std::move(pool), timeout)) {}

asio::awaitable<result<group_renewals::codes>> group_renewals::write(std::shared_ptr<group_renewals> self,
    std::string schema, std::vector<lease_write> writes, eventstore::uuid owner, steady_time deadline) {
    const auto own = std::make_shared<part>(self->all_, std::move(schema), std::move(writes), owner);
    auto asking = storage::combined::ask(self->all_, own, deadline);
    const auto answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    co_return answer->table.int8_array(answer->number, 1);
}

} // namespace eventstore::delivery
