/* A program without an address of its own (a static PIE). It begins by adding the
 * address that it was given to every pointer in it, and then closes those tables
 * that are not to change any more (RELRO). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int twice(int number) { return 2 * number; }
static int square(int number) { return number * number; }

/* Pointers that do not change: the table is closed. */
static const struct {
    const char *name;
    int (*apply)(int);
} table[] = {{"twice", twice}, {"square", square}, {"abs", abs}};

/* Pointers that do. */
static int numbers[] = {3, -1, 2};
static int *in_order[] = {&numbers[0], &numbers[1], &numbers[2]};
static int zeroes[5000];
static __thread int own = 7;

static int compare(const void *left, const void *right) {
    return **(int *const *)left - **(int *const *)right;
}

/* Whether a byte may be written there, asked of the kernel. */
static void may_write(const char *what, const void *place) {
    int file = open("fruit", O_RDONLY);
    char byte = *(const char *)place;
    errno = 0;
    long count = read(file, (void *)place, 1);
    if (count == 1)
        *(char *)place = byte;
    printf("%s: %ld %s\n", what, count, strerror(errno));
    close(file);
}

int main(int count, char **arguments) {
    printf("it lies %s\n", (unsigned long)main >> 32 ? "high" : "where the file says");
    for (int row = 0; row < 3; row++)
        printf("%s(-3) = %d\n", table[row].name, table[row].apply(-3));
    qsort(in_order, 3, sizeof *in_order, compare);
    for (int row = 0; row < 3; row++)
        printf("numbers[%d] = %d\n", (int)(in_order[row] - numbers), *in_order[row]);
    zeroes[4999] = own;
    char *text = malloc(100000);
    snprintf(text, 100000, "%d arguments, the first is %s", count, strrchr(arguments[0], 'p'));
    printf("%s; %d %d\n", text, zeroes[0], zeroes[4999]);
    may_write("text", (const void *)main);
    may_write("constants", "constant");
    may_write("closed table", table);
    may_write("data", numbers);
    may_write("zeroes", zeroes);
    return own;
}
