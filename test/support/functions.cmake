# eventstore_tests(LAYER FILE...) builds the program test_LAYER from LAYER/FILE... and support/, and registers one CTest
# entry for each *_test.cpp among the files. Such a file is one BOOST_AUTO_TEST_SUITE named like the file without .cpp;
# the other files are helpers. Each entry leaves a report, from which test/run.sh counts the test cases. Its test cases
# have limits of time, which scale; the limit of CTest ends what these do not, on the busiest machine.
function(eventstore_tests layer)
    list(TRANSFORM ARGN PREPEND ${layer}/ OUTPUT_VARIABLE files)
    if(NOT files)
        return()
    endif()
    add_executable(test_${layer} ${files})
    target_link_libraries(test_${layer} PRIVATE eventstore_test_support)
    eventstore_unity(test_${layer})
    target_precompile_headers(test_${layer} REUSE_FROM eventstore_test_support)

    foreach(file IN LISTS files)
        get_filename_component(suite ${file} NAME_WE)
        if(NOT suite MATCHES "_test$")
            continue()
        endif()
        set(name ${layer}.${suite})
        add_test(NAME ${name}
            COMMAND test_${layer} --run_test=${suite} --log_level=test_suite --color_output=no
                    --report_level=short --report_format=XML
                    --report_sink=${PROJECT_BINARY_DIR}/reports/${name}.xml)
        set_tests_properties(${name} PROPERTIES TIMEOUT 1200 LABELS ${layer}
            ENVIRONMENT UBSAN_OPTIONS=print_stacktrace=1)
    endforeach()
endfunction()
