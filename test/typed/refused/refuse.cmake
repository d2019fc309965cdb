# cmake -D compiler=... -D file=... -D folders=... -P refuse.cmake
# Succeeds if the compiler refuses the file with one error, the one that its first line ("// refused: REGEX") names, and
# in few lines.
file(STRINGS ${file} first LIMIT_COUNT 1)
string(REGEX REPLACE "^// refused: " "" expected "${first}")

list(REMOVE_ITEM folders "" /usr/include) # the compiler knows it, and a -isystem would put it in the wrong order
list(TRANSFORM folders PREPEND -I)
execute_process(COMMAND ${compiler} -std=c++20 -fsyntax-only ${folders} ${file}
    RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)

string(REPLACE ";" "," said "${said}")
string(REGEX MATCHALL "error:" errors "${said}")
string(REGEX MATCHALL "\n" lines "${said}")
list(LENGTH errors error_count)
list(LENGTH lines line_count)
if(status EQUAL 0)
    message(FATAL_ERROR "${file} compiles")
elseif(NOT said MATCHES "error: [^\n]*${expected}")
    message(FATAL_ERROR "the error does not say '${expected}':\n${said}")
elseif(NOT error_count EQUAL 1)
    message(FATAL_ERROR "${error_count} errors instead of one:\n${said}")
elseif(line_count GREATER 30)
    message(FATAL_ERROR "${line_count} lines are too many to read:\n${said}")
endif()
