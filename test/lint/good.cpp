// Nothing in this file may be refused. Not compiled.
#define WAIT(x) co_await f({x})

namespace eventstore {

// co_await f({1, 2}) in a comment
/* if (co_await f()) */
class store final : public base {
public:
    store(int a) : a_{a}, b_(a) {}
    asio::awaitable<void> run() const noexcept override { co_await f(); }
    template <class T>
        requires std::integral<T> asio::awaitable<T> one() { co_return co_await f(); }
};

asio::awaitable<void> plain(std::vector<int> v = {1, 2}) {
    const options named{.name = s};
    co_await f(named);
    co_await f(std::move(named));
    std::vector<es::event_data> list{first, second};
    co_await store.append("{a ? b : c}", es::no_stream, es::event_data("Opened", R"({"owner":"Ada"})").metadata(m));
    co_await store.append("account-1", 'x', es::events(first, second));
    const char quote = '\'';
    const int big = 1'000'000;
    const auto x = c ? 1 : 2;
    co_return result{.name = s};
}

asio::awaitable<void> conditions() {
    const bool yes = co_await f();
    if (yes) g();
    if (auto r = co_await f(); r) g();
    if (const std::optional<int> r = co_await f(); r.has_value() && *r == 1) g();
    while (auto batch = co_await subscription.next()) {
        for (const es::recorded_event& event : *batch) co_await send_mail(event);
        batch->ack();
    }
    for (const es::recorded_event& event : co_await store.read("account-1")) g(event);
    if (a)
        co_await f();
    else
        co_await h();
    if (x == options{1}) co_await f();
    for (int i = 0; i < 10; ++i) co_await f(i);
    try {
        co_await f();
    } catch (const error& e) {
        g(e ? 1 : 2);
    }
    for (;;) {
        co_await f();
        if (a) break;
    }
    switch (a) {
    case 1: {
        co_await f();
        break;
    }
    case 2: co_await h(); break;
    default: co_return;
    }
    auto [a, b] = pair{1, 2};
    co_await f(a[0], b[1]);
}

asio::awaitable<void> lambdas(std::string s) {
    co_await f([&] { return s; });
    co_await f([&s](int a) { return s + text{a}; });
    co_await f([this] { return c ? a : b; });
    co_await f([] { return 1; });
    co_await f([&other = s] { return 1; });
    auto by_value = [s]() -> asio::awaitable<void> {
        co_await g(s);
        const std::vector<int> v{1, 2};
    };
    co_await by_value();
    asio::co_spawn(
        context,
        [s]() -> asio::awaitable<void> {
            co_await g(s);
            const auto r = named{1, 2};
        },
        asio::detached);
    co_await [&]() -> asio::awaitable<void> { co_await g(); }();
    BOOST_TEST(co_await f() == 1);
    BOOST_TEST((co_await f()) == std::string(100, 'x'));
}

constexpr int table[] = {1, 2, 3};
struct point {
    int x = 0, y{1};
};
asio::awaitable<std::vector<int>> last() { co_return co_await f(); }

} // namespace eventstore
