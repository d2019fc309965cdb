// The links of an import.
#include "maintenance/importer.hpp"
#include "storage/sql.hpp"

namespace eventstore::maintenance {

namespace sql = storage::sql;
using postgres::type_oid;

import_statement statement_of_originals(const import_batch& batch) {
    import_statement made;
    made.text = sql::import_hold_originals;
    made.types.push_back(type_oid::int8_array);
    made.arguments.begin_array(type_oid::int8, batch.links().size());
    for (const auto& link : batch.links()) made.arguments.add(link.original);
    return made;
}

import_statement statement_of_links(import_batch& batch) {
    const auto& links = batch.links();
    import_statement made;
    made.text = sql::import_links;
    const auto add_all = [&](type_oid element, type_oid array, const auto& value) {
        made.types.push_back(array);
        made.arguments.begin_array(element, links.size());
        for (const auto& link : links) made.arguments.add(value(link));
    };
    const auto add_ids = [&](auto member) {
        made.types.push_back(type_oid::uuid_array);
        made.arguments.begin_array(type_oid::uuid, links.size(), true);
        for (const auto& link : links) {
            if (link.*member)
                made.arguments.add(*(link.*member));
            else
                made.arguments.add_null();
        }
    };
    using link = import_batch::link;
    const auto stream_id = [&](const link& each) { return batch.streams()[each.stream].id; };
    add_all(type_oid::int8, type_oid::int8_array, [](const link& each) { return each.position; });
    add_all(type_oid::int8, type_oid::int8_array, stream_id);
    add_all(type_oid::int8, type_oid::int8_array, [](const link& each) { return each.version; });
    add_all(type_oid::timestamptz, type_oid::timestamptz_array, [](const link& each) { return each.created_at; });
    add_all(type_oid::uuid, type_oid::uuid_array, [](const link& each) { return each.id; });
    add_ids(&link::correlation_id);
    add_ids(&link::causation_id);
    add_all(type_oid::int8, type_oid::int8_array, [](const link& each) { return each.original; });
    return made;
}

} // namespace eventstore::maintenance
