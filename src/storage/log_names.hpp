/// The names of storage, append and read by which the layers above know them.
#pragma once

namespace eventstore::storage {}
namespace eventstore::append {}
namespace eventstore::read {}

namespace eventstore::log {

using namespace storage;
using namespace append;
using namespace read;

} // namespace eventstore::log
