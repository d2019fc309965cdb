// Typed events: structs instead of strings, in JSON or in bytes of one's own; and events of long ago, whose types had
// another name and other members.
//
//     10_typed_events [URL]          without a URL: with a PostgreSQL of its own, gone at the end
#include <eventstore/eventstore.hpp>
#include <eventstore/json.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/endian/buffers.hpp>

#include <cstring>
#include <iostream>

namespace asio = boost::asio;
namespace es = eventstore;

struct planted {
    std::string tree;
    int year = 0;
    std::optional<std::string> gardener;
};
BOOST_DESCRIBE_STRUCT(planted, (), (tree, year, gardener))

struct measured {
    std::uint32_t millimetres = 0;
};

// In JSON. The event's type is all that is needed: what stands between the braces is for events of long ago, when this
// one was called SeedlingSet, and the tree was called a species.
template <>
struct es::codec<planted> : es::json_codec<planted, "TreePlanted"> {
    static constexpr es::former_type former_types[] = {
        {"SeedlingSet", [](boost::json::object& data) { es::rename_member(data, "species", "tree"); }},
    };
};

// Not in JSON: four bytes, the lowest first. What decode throws is told with the event's type, stream and version.
template <>
struct es::codec<measured> {
    static constexpr std::string_view type = "TreeMeasured";

    static es::event_data encode(const measured& event) {
        const boost::endian::little_uint32_buf_t bytes(event.millimetres);
        return es::event_data(std::string(type), std::string(bytes.data(), bytes.data() + sizeof(bytes)));
    }
    static measured decode(const es::recorded_event& event) {
        boost::endian::little_uint32_buf_t bytes;
        if (event.data().size() != sizeof(bytes)) throw std::length_error("four bytes are expected");
        std::memcpy(&bytes, event.data().data(), sizeof(bytes));
        return {bytes.value()};
    }
};

using tree_event = std::variant<planted, measured>;

asio::awaitable<void> run(std::string url) {
    const es::store store = co_await es::open(es::store_options(url).create());
    const std::string stream = "tree-" + es::to_string(es::make_uuid());

    // An event from long ago, and one that this program does not know: both written without a type.
    const es::event_data oldest("SeedlingSet", es::json_object("species", "oak", "year", 1998));
    const es::event_data sold("TreeSold", es::json_object("to", "Ada"));
    co_await store.append(stream, es::no_stream, es::events(oldest, sold));

    // Typed events get a name first: g++ 12 frees a temporary inside co_await twice.
    const planted lime{"lime", 2026, "Bob"};
    const measured height{4200};
    co_await store.append(stream, 2, es::events(lime, height));

    // What else is known of an event is set on its event_data.
    co_await store.append(stream, 4, es::to_event_data(height).metadata(es::json_object("by", "Eve")));

    const auto tell = es::overloaded{
        [](const planted& e) { std::cout << e.tree << ", by " << e.gardener.value_or("somebody") << '\n'; },
        [](const measured& e) { std::cout << e.millimetres << " mm\n"; },
    };
    for (const es::recorded_event& each : co_await store.read(stream)) {
        if (const auto known = es::decode_known<tree_event>(each)) // es::decode would throw for an unknown type
            std::visit(tell, *known);
        else
            std::cout << each.type() << " is unknown; to: " << es::json_data(each).at("to") << '\n';
    }
}

int main(int count, char* arguments[]) {
    std::optional<es::embedded_postgres> server;
    if (count < 2) server.emplace(es::embedded_postgres::start_now());
    asio::io_context context;
    asio::co_spawn(
        asio::make_strand(context), run(server ? server->url() : arguments[1]), [](std::exception_ptr failed) {
            if (failed) std::rethrow_exception(failed);
        });
    context.run();
}
