#include "maintenance/script.hpp"

#include "maintenance/rows.hpp"
#include "storage/migration_steps.hpp"
#include "storage/schema.hpp"
#include "storage/schema_answers.hpp"

namespace eventstore::maintenance {

asio::awaitable<result<std::string>> migration_script(std::shared_ptr<session> over, bool remakes_functions) {
    const store_options& options = over->options();
    auto connecting = session::connect(over);
    const auto found = co_await std::move(connecting);
    if (!found) co_return found.error();
    const int present = found->schema.version;
    if (present > storage::needed_schema_version()) co_return storage::too_new(options.schema(), present);
    payload_format payload = options.payload();
    std::string made_for;
    if (present > 0) {
        // Not every version has all these columns.
        auto asking = session::ask(
            over, over->statement("select l.payload, to_jsonb(l) ->> 'schema_name' from eventstore.log_state as l"));
        const auto answer = co_await std::move(asking);
        if (!answer) co_return answer.error();
        if (answer->rows() > 0) {
            payload = text_in(*answer, 0, 0) == "jsonb" ? payload_format::jsonb : payload_format::bytea;
            made_for = text_in(*answer, 0, 1);
        }
    }
    std::string script = storage::migration_script(options.schema(), present, payload, made_for, remakes_functions);
    co_return script;
}

} // namespace eventstore::maintenance
