// What the README takes for granted in a snippet that is not a whole program.
#pragma once

#include <eventstore/eventstore.hpp>

#include <boost/asio.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace es = eventstore;
using namespace std::chrono_literals;

inline asio::awaitable<void> send_mail(const es::recorded_event&) { co_return; }
