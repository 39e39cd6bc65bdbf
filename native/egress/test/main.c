/*
 * Without arguments, prints the names of all tests, one per line. With a name, runs that test.
 * Exit code 0: passed; 77: skipped, with the reason on stdout.
 */
#define _GNU_SOURCE
#include "support.h"

static const Test *const ALL[] = {DELIVERY_TESTS, ERROR_TESTS,  LIFE_TESTS,
                                  TURN_TESTS,     BUDGET_TESTS, CONNECTION_TESTS,
                                  PATH_TESTS};

int main(int count, char **arguments) {
  for (size_t i = 0; i < sizeof ALL / sizeof *ALL; i++) {
    for (const Test *test = ALL[i]; test->name; test++) {
      if (count < 2) printf("%s\n", test->name);
      else if (strcmp(test->name, arguments[1]) == 0) {
        if (!stats->on) skip("this kernel cannot segment UDP");
        /* This thread has a loop from here on. */
        turn(0);
        test->run();
        return 0;
      }
    }
  }
  return count < 2 ? 0 : 2;
}
