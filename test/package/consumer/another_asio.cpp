#include <eventstore/eventstore.hpp>

int main() { return 0; }
