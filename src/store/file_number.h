/* Numbers in the names of a run's files: "000012" of "<run>-000012.pcapng".
 *
 * Six digits, and more only where they are needed: so a number has one name, and no two files
 * of a run have the same.  What is written another way is none of a run's files. */
#pragma once

#include <stdint.h>

#define FILE_NUMBER_MAX (UINT32_MAX - 1)

/* The number that 'text' begins with, and what stands behind it; 0: it begins with none. */
uint32_t file_number(const char *text, const char **ret_rest);

/* The same where 'end', and nothing else, stands behind it. */
uint32_t file_number_before(const char *text, const char *end);
