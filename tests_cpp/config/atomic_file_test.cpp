#include "config/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <system_error>

#include "config/temporary_directory.h"

namespace int8graph {
namespace {

namespace fs = std::filesystem;

mode_t permissions(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

void expect_error(int error, const std::string& path, const std::function<void()>& action) {
  try {
    action();
    ADD_FAILURE() << "no error for " << path;
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code().value(), error) << e.what();
    EXPECT_NE(std::string(e.what()).find(path), std::string::npos) << e.what();
  }
}

void expect_write_error(int error, const std::string& path) {
  expect_error(error, path, [&] { write_file_atomically(path, "new"); });
  expect_error(error, path, [&] { check_writable(path); });
}

// Makes the kernel refuse to let files grow beyond `bytes`, as a full disk would.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

TEST(AtomicFile, WritesAllBytesIncludingZeros) {
  const TemporaryDirectory directory;
  const std::string content("a\0b\n\xff", 5);
  write_file_atomically(directory / "f", content);
  EXPECT_EQ(read_file(directory / "f"), content);
  EXPECT_EQ(directory.number_of_files(), 1U);
}

TEST(AtomicFile, WritesAnEmptyFileAndOneOfSeveralBlocks) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "empty", "");
  EXPECT_EQ(read_file(directory / "empty"), "");
  const std::string large(300'000, 'x');
  write_file_atomically(directory / "large", large);
  EXPECT_EQ(read_file(directory / "large"), large);
}

TEST(AtomicFile, WritesARelativePathWithoutADirectory) {
  const TemporaryDirectory directory;
  const fs::path before = fs::current_path();
  fs::current_path(directory.path());
  write_file_atomically("f", "content");
  fs::current_path(before);
  EXPECT_EQ(read_file(directory / "f"), "content");
}

TEST(AtomicFile, ReplacesOnlyAtCommit) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "f", "old");
  AtomicFile file(directory / "f");
  file.write("new", 3);
  EXPECT_EQ(read_file(directory / "f"), "old");
  file.commit();
  EXPECT_EQ(read_file(directory / "f"), "new");
  EXPECT_EQ(directory.number_of_files(), 1U);
}

TEST(AtomicFile, LeavesNothingBehindWithoutCommit) {
  const TemporaryDirectory directory;
  {
    AtomicFile file(directory / "f");
    file.write("half", 4);
  }
  EXPECT_EQ(directory.number_of_files(), 0U);
}

TEST(AtomicFile, KeepsTheOldFileWhenTheDiskIsFull) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "f", "old");
  {
    const FileSizeLimit limit(1000);
    expect_error(EFBIG, directory / "f",
                 [&] { write_file_atomically(directory / "f", std::string(100'000, 'x')); });
  }
  EXPECT_EQ(read_file(directory / "f"), "old");
  EXPECT_EQ(directory.number_of_files(), 1U);
}

TEST(AtomicFile, KeepsWhatTookItsPlaceWhenTheRenameFails) {
  const TemporaryDirectory directory;
  AtomicFile file(directory / "f");
  file.write("new", 3);
  fs::create_directory(directory / "f");
  expect_error(EISDIR, directory / "f", [&] { file.commit(); });
  EXPECT_TRUE(fs::is_directory(directory / "f"));
}

TEST(AtomicFile, RemovesTheTemporaryFileWhenTheRenameFails) {
  const TemporaryDirectory directory;
  {
    AtomicFile file(directory / "f");
    fs::create_directory(directory / "f");
    EXPECT_THROW(file.commit(), std::system_error);
  }
  EXPECT_EQ(directory.number_of_files(), 1U);
}

TEST(AtomicFile, GivesANewFileThePermissionsOfTheUmask) {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(027);
  write_file_atomically(directory / "f", "");
  ::umask(before);
  EXPECT_EQ(permissions(directory / "f"), 0640U);
}

TEST(AtomicFile, KeepsThePermissionsOfTheFileItReplaces) {
  const TemporaryDirectory directory;
  write_file_atomically(directory / "f", "old");
  for (const mode_t mode : {mode_t{0600}, mode_t{0666}, mode_t{0755}}) {
    ASSERT_EQ(::chmod((directory / "f").c_str(), mode), 0);
    write_file_atomically(directory / "f", "new");
    EXPECT_EQ(permissions(directory / "f"), mode);
  }
}

TEST(AtomicFile, ReplacesWhatASymbolicLinkPointsTo) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "elsewhere");
  write_file_atomically(directory / "elsewhere/f", "old");
  fs::create_symlink("elsewhere/f", directory / "link");
  fs::create_symlink(directory / "link", directory / "link_to_link");
  write_file_atomically(directory / "link_to_link", "new");
  EXPECT_EQ(read_file(directory / "elsewhere/f"), "new");
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_TRUE(fs::is_symlink(directory / "link_to_link"));
}

TEST(AtomicFile, CreatesWhatADanglingLinkPointsTo) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "elsewhere");
  fs::create_symlink("elsewhere/f", directory / "link");
  write_file_atomically(directory / "link", "new");
  EXPECT_EQ(read_file(directory / "elsewhere/f"), "new");
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
}

TEST(AtomicFile, CheckingWritesNothing) {
  const TemporaryDirectory directory;
  check_writable(directory / "new");
  EXPECT_EQ(directory.number_of_files(), 0U);
  write_file_atomically(directory / "f", "old");
  check_writable(directory / "f");
  EXPECT_EQ(read_file(directory / "f"), "old");
  EXPECT_EQ(directory.number_of_files(), 1U);
}

TEST(AtomicFile, RefusesLinksThatGoInACircle) {
  const TemporaryDirectory directory;
  fs::create_symlink("b", directory / "a");
  fs::create_symlink("a", directory / "b");
  expect_write_error(ELOOP, directory / "a");
}

TEST(AtomicFile, AcceptsANameOfTheGreatestLength) {
  const TemporaryDirectory directory;
  const std::string path = directory / std::string(255, 'n');
  write_file_atomically(path, "content");
  EXPECT_EQ(read_file(path), "content");
  expect_write_error(ENAMETOOLONG, path + "n");
}

TEST(AtomicFile, RefusesWhatIsNoRegularFile) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  expect_write_error(EINVAL, directory / "pipe");
  expect_write_error(EINVAL, "/dev/null");
  expect_write_error(EISDIR, directory.path());
  EXPECT_EQ(directory.number_of_files(), 1U);
}

TEST(AtomicFile, RefusesAPathThatLeadsNowhere) {
  const TemporaryDirectory directory;
  expect_write_error(ENOENT, directory / "missing/f");
  expect_write_error(ENOENT, "");
  write_file_atomically(directory / "f", "");
  expect_write_error(ENOTDIR, directory / "f/g");
}

TEST(AtomicFile, RefusesAPathWithAZeroByteInside) {
  const TemporaryDirectory directory;
  const std::string path = directory / std::string("f\0.json", 7);
  expect_error(EINVAL, directory / "f", [&] { write_file_atomically(path, "new"); });
  expect_error(EINVAL, directory / "f", [&] { read_file(path); });
  EXPECT_EQ(directory.number_of_files(), 0U);
}

TEST(AtomicFile, RefusesAWriteProtectedFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  const TemporaryDirectory directory;
  write_file_atomically(directory / "f", "old");
  ASSERT_EQ(::chmod((directory / "f").c_str(), 0444), 0);
  expect_write_error(EACCES, directory / "f");
  EXPECT_EQ(read_file(directory / "f"), "old");
  ASSERT_EQ(::chmod(directory.path().c_str(), 0555), 0);
  expect_write_error(EACCES, directory / "g");
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
}

TEST(ReadFile, NamesThePathItCannotRead) {
  const TemporaryDirectory directory;
  const auto expect_read_error = [](int error, const std::string& path) {
    expect_error(error, path, [&] { read_file(path); });
  };
  expect_read_error(ENOENT, directory / "missing");
  expect_read_error(ENOENT, "");
  expect_read_error(EISDIR, directory.path());
}

}  // namespace
}  // namespace int8graph
