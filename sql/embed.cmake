# Writes ${output}.hpp and ${output}.cpp from the lists `migrations`, `functions` and `statements`. Run by CMake's script mode.
cmake_minimum_required(VERSION 3.25)

set(delimiter "eventstore_sql_") # at most 16 characters; no SQL file contains it after a closing parenthesis

function(literal_of file result)
    file(READ "${file}" text)
    string(FIND "${text}" ")${delimiter}" found)
    if(NOT found EQUAL -1)
        message(FATAL_ERROR "${file} contains )${delimiter}")
    endif()
    set(${result} "R\"${delimiter}(${text})${delimiter}\"sv" PARENT_SCOPE)
endfunction()

set(declarations "")
set(definitions "")
foreach(file IN LISTS statements)
    get_filename_component(name "${file}" NAME_WE)
    if(NOT name MATCHES "^[a-z][a-z0-9_]*$")
        message(FATAL_ERROR "${file}: a statement's file name must be a C++ name")
    endif()
    literal_of("${file}" text)
    string(APPEND declarations "extern const std::string_view ${name};\n")
    string(APPEND definitions "constinit const std::string_view ${name} = ${text};\n\n")
endforeach()

set(functions_elements "")
foreach(file IN LISTS functions) # a glob is sorted, and they are applied in that order
    get_filename_component(name "${file}" NAME_WE)
    if(NOT name MATCHES "^[0-9][0-9]_([a-z0-9_]+)$")
        message(FATAL_ERROR "${file}: a file of functions is named NN_name.sql")
    endif()
    set(short_name "${CMAKE_MATCH_1}")
    literal_of("${file}" text)
    string(APPEND functions_elements "    functions_file{\"${short_name}\"sv, ${text}},\n")
endforeach()

set(elements "")
set(expected 1)
foreach(file IN LISTS migrations) # a glob is sorted
    get_filename_component(name "${file}" NAME_WE)
    if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_([a-z0-9_]+)$")
        message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
    endif()
    set(short_name "${CMAKE_MATCH_2}")
    string(REGEX REPLACE "^0+" "" version "${CMAKE_MATCH_1}")
    if(NOT version EQUAL expected)
        message(FATAL_ERROR "${file}: migration ${expected} is missing")
    endif()
    math(EXPR expected "${expected} + 1")
    literal_of("${file}" text)
    string(APPEND elements "    migration{${version}, \"${short_name}\"sv, ${text}},\n")
endforeach()
math(EXPR count "${expected} - 1")

file(WRITE "${output}.hpp" "// Made from sql/ by sql/embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace eventstore::storage::sql {

/// One file of sql/migrations, in order; versions count from 1 without gaps.
struct migration {
    int version;
    std::string_view name;
    std::string_view text;
};
extern const std::span<const migration> migrations;

/// One file of sql/functions, in the order in which they are applied after the migrations.
struct functions_file {
    std::string_view name;
    std::string_view text;
};
extern const std::span<const functions_file> functions;

// One constant for each file of sql/statements.
${declarations}
} // namespace eventstore::storage::sql
")

if(count GREATER 0)
    set(list "constexpr migration all_migrations[] = {\n${elements}};\n")
    set(view "all_migrations")
else()
    set(list "")
    set(view "std::span<const migration>()")
endif()
file(WRITE "${output}.cpp" "// Made from sql/ by sql/embed.cmake.
#include \"storage/sql.hpp\"

namespace eventstore::storage::sql {

using namespace std::string_view_literals;

namespace {
${list}
constexpr functions_file all_functions[] = {
${functions_elements}};
} // namespace

constinit const std::span<const migration> migrations = ${view};
constinit const std::span<const functions_file> functions = all_functions;

${definitions}} // namespace eventstore::storage::sql
")
