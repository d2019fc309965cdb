// Every statement with co_await in this file must be refused. Not compiled.

asio::awaitable<void> braces() {
    co_await f({.name = s});
    co_await f(options{.name = s});
    co_await f(options{s});
    co_await f(1, {}, 2);
    co_await f({"a", "b"});
    co_await f(std::vector<event>{a, b});
    co_await store.append("account-1", es::no_stream, opened{"Ada"});
    const auto done = co_await store.append("account-1", es::no_stream, // a comment { with braces }
        std::vector<es::event_data>{
            first,
            second,
        });
    std::vector<T> v{co_await a(), co_await b()};
    std::vector<T> w = {co_await a()};
    co_await json::send(json::value{{"owner", name}});
    co_await store_type{}.run();
    co_yield std::vector<event>{a};
    co_yield std::vector<event>(1, event{.x = 1});
    f(options{.name = s}, co_await g());
    co_return co_await f({.name = s});
    if (auto r = co_await f(options{s}); r) g();
    for (const auto& e : co_await f({1, 2})) g(e);
    if (a)
        co_await f({.name = s});
    else
        co_await f({1});
}

asio::awaitable<void> conditionals() {
    co_await (c ? a() : b());
    auto x = c ? co_await a() : co_await b();
    co_await f(c ? std::string(x) : y);
}

asio::awaitable<void> lambdas(std::string s) {
    co_await f([s] { return s; });
    co_await f([=] { return s; });
    co_await f([&, s] { return s; });
    co_await f([t = std::move(s)]() mutable { return t; });
    co_await f([*this] { return 1; });
    co_await [s]() -> asio::awaitable<void> { g(); }();
    co_await f(1, [s](const event& e) -> bool {
        if (e) return true;
        return s.empty();
    });
    auto named = [] { return 1; };
    auto r = co_await f(named, [copy = s](int a) noexcept { return a; });
}

asio::awaitable<void> conditions() {
    if (co_await f()) g();
    if (!co_await f()) g();
    if (a && co_await f()) {
        g();
    } else if (co_await h()) {
        g();
    }
    while (co_await f()) g();
    while ((co_await f()).ok()) {
        g();
    }
    do {
        g();
    } while (co_await f());
    switch (co_await f()) {
    default: break;
    }
    for (; co_await f();) g();
    if (auto r = 1; co_await f(r)) g();
    if (co_await f() == 1) g();
    const auto lambda = [&]() -> asio::awaitable<void> {
        if (co_await f()) g();
    };
    switch (a) {
    case 1: co_await f({1, 2}); break;
    }
}
