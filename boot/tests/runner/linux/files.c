/* Open files, as a program sees them: each line is a call and what it returned. It
 * runs in a folder with these entries:
 *
 *   fruit   "pear\napple\nfig\n"      etc/one   "x"
 *   link    -> fruit                  etc/up    -> ../fruit
 *   self    -> self                   empty/
 *   tool    an executable file
 *
 * Nothing is written but memory: the folder may be read-only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define ALL (PROT_READ | PROT_WRITE)

/* Prints an expression, its value, and the error if it is -1. */
#define SHOW(expression)                                                      \
	do {                                                                  \
		errno = 0;                                                    \
		show(#expression, (long)(expression));                        \
	} while (0)

static void show(const char *expression, long value)
{
	const char *error = value == -1 ? strerrorname_np(errno) : NULL;
	printf("%s = %ld%s%s\n", expression, value, error ? " " : "", error ? error : "");
}

static char bytes[64];
static char *const bad = (char *)1;
static char long_name[5000];
static struct stat status;
static int fruit, folder, memory;

static void read_and_write(void)
{
	SHOW(write(fruit, bytes, 4));
	SHOW(write(fruit, bad, 0));
	SHOW(read(folder, bytes, 4));
	SHOW(read(folder, bytes, 0));
	SHOW(write(folder, bytes, 4));
	SHOW(pread(folder, bytes, 4, 0));
	SHOW(pread(fruit, bytes, 4, -1));
	SHOW(pwrite(fruit, bytes, 4, -1));
	SHOW(pwrite(fruit, bytes, 4, 0));
	SHOW(read(99, bytes, 4));
	SHOW(read(-1, bytes, 4));
	SHOW(read(fruit, bad, 4));
	SHOW(read(fruit, bad, 0));
	SHOW(read(fruit, bytes, -1));
	SHOW(write(memory, bytes, -1));
	SHOW(read(fruit, (void *)0x7fffffffffff, 4));
	SHOW(read(fruit, bytes, 64));
	SHOW(read(fruit, bytes, 64));
	SHOW(read(fruit, bad, 64));
}

static void positions(void)
{
	SHOW(lseek(fruit, -1, SEEK_SET));
	SHOW(lseek(fruit, 0, 9));
	SHOW(lseek(fruit, 1000, SEEK_SET));
	SHOW(read(fruit, bytes, 4));
	SHOW(lseek(fruit, -3, SEEK_END));
	SHOW(read(fruit, bytes, 9));
	SHOW(lseek(fruit, 1, SEEK_CUR));
	SHOW(lseek(fruit, -100, SEEK_CUR));
	SHOW(lseek(folder, 0, SEEK_SET));
	SHOW(lseek(99, 0, SEEK_SET));
	SHOW(lseek(memory, 0x7fffffffffffffff, SEEK_SET));
	SHOW(write(memory, "a", 1));
	SHOW(lseek(memory, 1, SEEK_CUR));
	SHOW(lseek(memory, 0, SEEK_SET));
}

static void sizes(void)
{
	SHOW(write(memory, "abc", 3));
	SHOW(lseek(memory, 0, SEEK_CUR));
	SHOW(ftruncate(memory, 10000));
	SHOW(lseek(memory, 0, SEEK_END));
	SHOW(ftruncate(memory, -1));
	SHOW(ftruncate(fruit, 5));
	SHOW(ftruncate(folder, 5));
	SHOW(ftruncate(99, 5));
	SHOW(ftruncate(memory, 2));
	SHOW(ftruncate(memory, 5));
	SHOW(pread(memory, bytes, 64, 0));
	SHOW(bytes[1]);
	SHOW(bytes[2]);
	SHOW(pwrite(memory, "zz", 2, 9));
	SHOW(lseek(memory, 0, SEEK_END));
	SHOW(pread(memory, bytes, 64, 4));
	SHOW(fstat(memory, &status));
	SHOW(status.st_mode);
	SHOW(status.st_size);
	SHOW(memfd_create("x", 0x1000));
	SHOW(memfd_create(bad, 0));
	memset(long_name, 'x', 250);
	SHOW(memfd_create(long_name, 0));
	long_name[249] = 0;
	SHOW(close(memfd_create(long_name, MFD_CLOEXEC)));
}

static void paths(void)
{
	SHOW(open("none", 0));
	SHOW(open("", 0));
	SHOW(open("fruit/x", 0));
	SHOW(open("fruit/", 0));
	SHOW(open("fruit/.", 0));
	SHOW(open("none/x", 0));
	SHOW(open("empty", O_DIRECTORY | O_CREAT));
	SHOW(open("fruit", O_DIRECTORY));
	SHOW(open("fruit", O_CREAT | O_EXCL));
	SHOW(open("empty", O_CREAT));
	SHOW(open("empty", O_WRONLY));
	SHOW(open("empty", O_RDWR));
	SHOW(open(bad, 0));
	SHOW(close(open("etc/../etc//./one", 0)));
	SHOW(close(open("etc/up", 0)));
	SHOW(open("self", 0));
	SHOW(open("link", O_NOFOLLOW));
	SHOW(open("link/", 0));
	SHOW(open("link", O_CREAT | O_EXCL));
	SHOW(close(open("link", 0)));
	SHOW(openat(folder, "fruit", 0));
	SHOW(close(6));
	SHOW(openat(fruit, "fruit", 0));
	SHOW(openat(99, "fruit", 0));
	SHOW(openat(0, "fruit", 0));
	SHOW(openat(memory, "fruit", 0));
	memset(long_name, 'a', 4999);
	SHOW(open(long_name, 0));
	long_name[4095] = 0;
	SHOW(open(long_name, 0));
	long_name[256] = 0;
	SHOW(open(long_name, 0));
	long_name[255] = 0;
	SHOW(open(long_name, 0));
}

static void links(void)
{
	SHOW(readlink("link", bytes, 64));
	SHOW(readlink("link", bytes, 3));
	SHOW(readlink("link", bytes, 0));
	SHOW(readlink("etc", bytes, 64));
	SHOW(readlink("link", bad, 3));
	SHOW(readlink("none", bytes, 0));
	SHOW(readlink("none", bytes, 1));
	SHOW(readlinkat(AT_FDCWD, "", bytes, 4));
	SHOW(readlinkat(folder, "etc/up", bytes, 64));
	SHOW(readlink("etc/up/", bytes, 9));
	static char own[PAGE];
	SHOW(readlink("/proc/self/exe", own, sizeof own) > 0 && own[0] == '/');
	SHOW(strcmp(strrchr(own, '/'), "/files"));
	SHOW(close(open("/proc/self/exe", O_RDONLY)));
}

static void permissions(void)
{
	SHOW(access("fruit", F_OK));
	SHOW(access("fruit", R_OK));
	SHOW(access("fruit", X_OK));
	SHOW(access("tool", X_OK));
	SHOW(access("fruit", 8));
	SHOW(access("none", W_OK));
	SHOW(access("etc", X_OK));
	SHOW(access("self", F_OK));
	SHOW(umask(0));
	SHOW(umask(01777));
	SHOW(umask(022));
}

static void statuses(void)
{
	SHOW(stat("fruit", &status));
	SHOW(status.st_mode);
	SHOW(status.st_size);
	SHOW(status.st_blksize);
	SHOW(lstat("link", &status));
	SHOW(status.st_mode);
	SHOW(status.st_size);
	SHOW(stat("link", &status));
	SHOW(status.st_mode);
	SHOW(stat("empty", &status));
	SHOW(status.st_mode);
	SHOW(fstatat(AT_FDCWD, "", &status, 0));
	SHOW(fstatat(fruit, "", &status, AT_EMPTY_PATH));
	SHOW(status.st_size);
	SHOW(fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH));
	SHOW(S_ISDIR(status.st_mode));
	SHOW(fstatat(fruit, "", &status, 0x40000));
	SHOW(fstatat(fruit, "x", &status, 0));
	SHOW(fstatat(99, "", &status, AT_EMPTY_PATH));
	SHOW(fstat(99, &status));
	SHOW(fstat(fruit, (void *)bad));
	SHOW(fstatat(folder, "link", &status, AT_SYMLINK_NOFOLLOW));
	SHOW(S_ISLNK(status.st_mode));
}

static void duplicates(void)
{
	SHOW(dup(99));
	SHOW(dup2(fruit, fruit));
	SHOW(dup2(99, 99));
	SHOW(dup2(fruit, -1));
	SHOW(dup2(fruit, 1 << 30));
	SHOW(dup3(fruit, fruit, 0));
	SHOW(dup3(fruit, 60, 1));
	SHOW(dup3(99, 60, 0));
	SHOW(dup3(fruit, 60, O_CLOEXEC));
	SHOW(fcntl(60, F_GETFD));
	SHOW(fcntl(60, F_SETFD, 0));
	SHOW(fcntl(60, F_GETFD));
	SHOW(fcntl(60, F_GETFL));
	SHOW(fcntl(memory, F_GETFL));
	SHOW(fcntl(folder, F_GETFL));
	SHOW(fcntl(fruit, F_SETFL, O_NONBLOCK | O_APPEND | O_RDWR));
	SHOW(fcntl(60, F_GETFL));
	SHOW(fcntl(99, F_GETFD));
	SHOW(fcntl(fruit, 9999));
	SHOW(fcntl(99, 9999));
	SHOW(fcntl(fruit, F_DUPFD, 70));
	SHOW(fcntl(fruit, F_DUPFD, -1));
	SHOW(fcntl(fruit, F_DUPFD, 1 << 30));
	SHOW(fcntl(fruit, F_DUPFD_CLOEXEC, 70));
	SHOW(fcntl(71, F_GETFD));
	SHOW(lseek(fruit, 2, SEEK_SET));
	SHOW(lseek(70, 0, SEEK_CUR));
	SHOW(close(60));
	SHOW(close(60));
	SHOW(close(-1));
	SHOW(ioctl(fruit, TCGETS, bytes));
	SHOW(ioctl(fruit, TIOCGWINSZ, bytes));
	SHOW(ioctl(99, TCGETS, bytes));
	SHOW(ioctl(memory, TCGETS, bytes));
}

static void folders(void)
{
	SHOW(chdir("fruit"));
	SHOW(chdir("none"));
	SHOW(chdir(""));
	SHOW(chdir("etc"));
	SHOW(access("one", F_OK));
	SHOW(access("../fruit", F_OK));
	SHOW(fchdir(fruit));
	SHOW(fchdir(99));
	SHOW(fchdir(folder));
	SHOW(access("etc/one", F_OK));
	SHOW(syscall(SYS_getcwd, bytes, 0));
	SHOW(syscall(SYS_getdents64, fruit, bytes, 64));
	SHOW(syscall(SYS_getdents64, folder, bytes, 3));
	SHOW(syscall(SYS_getdents64, folder, bad, 300));
	SHOW(syscall(SYS_getdents64, 99, bytes, 64));
	SHOW(syscall(SYS_getdents64, memory, bytes, 64));
	int named = open("etc", O_PATH);
	SHOW(read(named, bytes, 4));
	SHOW(syscall(SYS_getdents64, named, bytes, 64));
	SHOW(fstat(named, &status));
	SHOW(openat(named, "one", 0));
	SHOW(close(named));
	SHOW(close(named + 1));
}

static void several(void)
{
	struct iovec parts[3] = { { bytes, 4 }, { bad, 4 }, { bytes, 4 } };
	SHOW(lseek(fruit, 0, SEEK_SET));
	SHOW(readv(fruit, parts, 3));
	SHOW(lseek(fruit, 0, SEEK_CUR));
	SHOW(readv(fruit, parts + 1, 2));
	SHOW(readv(fruit, parts, -1));
	SHOW(readv(fruit, parts, 1025));
	SHOW(readv(fruit, parts, 0));
	SHOW(readv(fruit, (void *)bad, 1));
	SHOW(readv(fruit, (void *)bad, 0));
	SHOW(readv(99, parts, -1));
	parts[1].iov_len = -1;
	SHOW(readv(fruit, parts, 2));
	parts[1].iov_len = 1L << 62;
	SHOW(readv(fruit, parts, 2));
	parts[1] = (struct iovec){ bytes + 4, 50 };
	SHOW(readv(fruit, parts, 3));
	SHOW(readv(fruit, parts, 3));
	SHOW(ftruncate(memory, 0));
	SHOW(lseek(memory, 0, SEEK_SET));
	parts[0] = (struct iovec){ "hello ", 6 };
	parts[1] = (struct iovec){ "world", 5 };
	SHOW(writev(memory, parts, 2));
	SHOW(pread(memory, bytes, 64, 0));
	SHOW(memcmp(bytes, "hello world", 11));
	SHOW(fcntl(memory, F_SETFL, O_APPEND));
	SHOW(lseek(memory, 0, SEEK_SET));
	SHOW(write(memory, "!", 1));
	SHOW(lseek(memory, 0, SEEK_CUR));
	SHOW(fcntl(memory, F_SETFL, 0));
}

static void half_there(void)
{
	char *page = mmap(NULL, 2 * PAGE, ALL, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SHOW(munmap(page + PAGE, PAGE));
	SHOW(ftruncate(memory, 0));
	SHOW(lseek(memory, 0, SEEK_SET));
	SHOW(write(memory, page + PAGE - 6, 100));
	SHOW(lseek(memory, 0, SEEK_CUR));
	SHOW(pread(memory, page + PAGE - 3, 100, 0));
	SHOW(lseek(memory, 0, SEEK_SET));
	SHOW(read(memory, page + PAGE - 3, 100));
	SHOW(lseek(memory, 0, SEEK_CUR));
	SHOW(write(memory, page + PAGE, 1));
}

static void children(void)
{
	int ending;
	SHOW(lseek(fruit, 0, SEEK_SET));
	fflush(stdout);
	int child = fork();
	if (child == 0) {
		read(fruit, bytes, 5);
		close(fruit);
		close(memory);
		_exit(3);
	}
	SHOW(waitpid(child, &ending, 0) == child);
	SHOW(WEXITSTATUS(ending));
	SHOW(lseek(fruit, 0, SEEK_CUR));
	SHOW(lseek(memory, 0, SEEK_CUR));
}

static void shorter(void)
{
	SHOW(ftruncate(memory, 2 * PAGE));
	char *shared = mmap(NULL, 2 * PAGE, ALL, MAP_SHARED, memory, 0);
	char *private = mmap(NULL, 2 * PAGE, ALL, MAP_PRIVATE, memory, 0);
	shared[5000] = 7;
	shared[1] = 6;
	shared[101] = 5;
	private[5001] = 4;
	private[2] = 3;
	SHOW(pread(memory, bytes, 1, 5000));
	SHOW(bytes[0]);
	SHOW(ftruncate(memory, 100));
	SHOW(ftruncate(memory, 2 * PAGE));
	SHOW(shared[5000]);
	SHOW(private[5001]);
	SHOW(shared[1]);
	SHOW(shared[101]);
	SHOW(private[2]);
}

static void as_many_as_there_may_be(void)
{
	int last = 0;
	for (int next; (next = open("fruit", 0)) >= 0;)
		last = next;
	int error = errno;
	SHOW(error);
	SHOW(last);
	SHOW(memfd_create("x", 0));
	SHOW(dup(0));
	SHOW(dup2(0, last));
}

int main(void)
{
	struct rlimit files = { 1024, 1024 };
	setrlimit(RLIMIT_NOFILE, &files);
	SHOW(fruit = open("fruit", O_RDONLY));
	SHOW(folder = open(".", O_RDONLY | O_DIRECTORY));
	SHOW(memory = memfd_create("x", 0));
	read_and_write();
	positions();
	sizes();
	paths();
	links();
	permissions();
	statuses();
	duplicates();
	folders();
	several();
	half_there();
	children();
	shorter();
	as_many_as_there_may_be();
	return 0;
}
