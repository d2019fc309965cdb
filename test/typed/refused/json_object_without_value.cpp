// refused: names and values take turns
#include <eventstore/json.hpp>

void use() { (void)eventstore::json_object("owner", "Ada", "cents"); }
