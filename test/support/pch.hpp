// What every test includes, compiled once.
#include "support/coroutines.hpp"
