# cmake -D compiler=... -D flags=... -D folders=... -D library=... -D work=... -D setting=... -D said=... -P another_asio.cmake
# Compiles a program with the setting, a flag of the compiler's, and links it to the library. Succeeds if the linker
# names what is set otherwise, `said`; or, without it, if the program is linked.
cmake_minimum_required(VERSION 3.25)
file(WRITE ${work}.cpp "#include <eventstore/asio_settings.hpp>\nint main() {}\n")
list(REMOVE_ITEM folders "" /usr/include)
list(TRANSFORM folders PREPEND -I)
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(COMMAND ${compiler} -std=c++20 ${flags} ${setting} ${folders} ${work}.cpp ${library} -o ${work}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)

string(REGEX MATCHALL "is_set_otherwise_than_in_the_library<eventstore::asio_setting::[a-z_]+<[^<>]*> ?>" named "${output}")
list(TRANSFORM named REPLACE "^.*asio_setting::([a-z_]+<[^<>]*>).*$" "\\1")
list(REMOVE_DUPLICATES named)
if(said)
    if(status EQUAL 0)
        message(FATAL_ERROR "a program with '${setting}' links")
    elseif(NOT said IN_LIST named)
        message(FATAL_ERROR "the linker does not name ${said}:\n${output}")
    endif()
elseif(NOT status EQUAL 0)
    message(FATAL_ERROR "a program with '${setting}' does not link:\n${output}")
endif()
