#include "providers/oci_signer.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <unistd.h>

namespace triage::providers {
namespace {

namespace fs = std::filesystem;

// The public test key of draft-cavage-http-signatures (appendix C), which OCI's page "Request
// Signatures" uses for its documented examples. It protects nothing.
constexpr std::string_view kDocumentedKey = R"(-----BEGIN RSA PRIVATE KEY-----
MIICXgIBAAKBgQDCFENGw33yGihy92pDjZQhl0C36rPJj+CvfSC8+q28hxA161QF
NUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6Z4UMR7EOcpfdUE9Hf3m/hs+F
UR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJwoYi+1hqp1fIekaxsyQIDAQAB
AoGBAJR8ZkCUvx5kzv+utdl7T5MnordT1TvoXXJGXK7ZZ+UuvMNUCdN2QPc4sBiA
QWvLw1cSKt5DsKZ8UETpYPy8pPYnnDEz2dDYiaew9+xEpubyeW2oH4Zx71wqBtOK
kqwrXa/pzdpiucRRjk6vE6YY7EBBs/g7uanVpGibOVAEsqH1AkEA7DkjVH28WDUg
f1nqvfn2Kj6CT7nIcE3jGJsZZ7zlZmBmHFDONMLUrXR/Zm3pR5m0tCmBqa5RK95u
412jt1dPIwJBANJT3v8pnkth48bQo/fKel6uEYyboRtA5/uHuHkZ6FQF7OUkGogc
mSJluOdc5t6hI1VsLn0QZEjQZMEOWr+wKSMCQQCC4kXJEsHAve77oP6HtG/IiEn7
kpyUXRNvFsDE0czpJJBvL/aRFUJxuRK91jhjC68sA7NsKMGg5OXb5I5Jj36xAkEA
gIT7aFOYBFwGgQAQkWNKLvySgKbAZRTeLBacpHMuQdl1DfdntvAyqpAZ0lY0RKmW
G6aFKaqQfOXKCyWoUiVknQJAXrlgySFci/2ueKlIE1QqIiLSZ8V8OlpFLRnb1pzI
7U1yQXnTAEFYM560yJlzUpOb1V4cScGd365tiSMvxLOvTA==
-----END RSA PRIVATE KEY-----
)";
constexpr std::string_view kTenancy =
    "ocid1.tenancy.oc1..aaaaaaaaba3pv6wkcr4jqae5f15p2b2m2yt2j6rx32uzr4h25vqstifsfdsq";
constexpr std::string_view kUser =
    "ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjcaty5eqbb6qt2jvpkanghtgdaqedqw3rynjq";
constexpr std::string_view kFingerprint = "73:61:a2:21:67:e0:df:be:7e:4b:93:1e:15:98:a5:b7";
const WallTime kWhen{std::chrono::seconds(1388957500)};  // 2014-01-05 21:31:40

class OciFiles : public ::testing::Test {
 protected:
  OciFiles() : folder_(fs::temp_directory_path() / ("triage-oci-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }

  ~OciFiles() override { fs::remove_all(folder_); }

  fs::path Write(const std::string& name, std::string_view text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  OciProfile Documented() const {
    return {.tenancy = std::string(kTenancy),
            .user = std::string(kUser),
            .fingerprint = std::string(kFingerprint),
            .key_file = Write("key.pem", kDocumentedKey)};
  }

  std::string ProfileError(std::string_view text, std::string_view name = "DEFAULT") const {
    auto profile = ReadOciProfile(Write("config", text), name, folder_);
    return profile ? "no error" : profile.error().message;
  }

  const fs::path folder_;
};

std::map<std::string, std::string> Fields(
    const std::vector<std::pair<std::string, std::string>>& fields) {
  return {fields.begin(), fields.end()};
}

std::string Attribute(const std::string& authorization, const std::string& name) {
  const std::size_t at = authorization.find(name + "=\"");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 2;
  return authorization.substr(begin, authorization.find('"', begin) - begin);
}

bool Verifies(std::string_view text, const std::string& signature) {
  std::vector<unsigned char> raw(signature.size());
  const int size =
      EVP_DecodeBlock(raw.data(), reinterpret_cast<const unsigned char*>(signature.data()),
                      static_cast<int>(signature.size()));
  if (size != 129) return false;  // 128 bytes of a key of 1024 bits, and a byte of padding
  BIO* bio = BIO_new_mem_buf(kDocumentedKey.data(), static_cast<int>(kDocumentedKey.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key);
  const bool fine =
      EVP_DigestVerify(context, raw.data(), 128,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  BIO_free(bio);
  return fine;
}

constexpr std::array<std::string_view, 2> kBody = {"{\"compartmentId\":", "\"ocid1.x\"}"};

// Both examples of "Request Signatures",
// https://docs.oracle.com/iaas/Content/API/Concepts/signingrequests.htm. Their date is no real one:
// that day was a Sunday.
TEST_F(OciFiles, TheDocumentedExamplesGetTheDocumentedSignatures) {
  auto signer = OciSigner::Load(Documented());
  ASSERT_TRUE(signer.has_value()) << signer.error().message;
  constexpr std::string_view kDate = "Thu, 05 Jan 2014 21:31:40 GMT";
  auto get = Fields(
      (*signer)
          ->SignDated({.method = "GET",
                       .host = "iaas.us-phoenix-1.oraclecloud.com",
                       .target = "/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1&"
                                 "compartmentId=ocid1.compartment.oc1.."
                                 "aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa&"
                                 "displayName=TeamXInstances&volumeId=ocid1.volume.oc1.phx."
                                 "abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"},
                      kDate)
          .value());
  EXPECT_EQ(Attribute(get.at("Authorization"), "signature"),
            "GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtLBj3sUzaFj34X"
            "E6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMa"
            "R7M=");
  constexpr std::array<std::string_view, 1> kAttachment = {
      "{\n"
      "    \"compartmentId\": \"ocid1.compartment.oc1.."
      "aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa\",\n"
      "    \"instanceId\": \"ocid1.instance.oc1.phx."
      "abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a\",\n"
      "    \"volumeId\": \"ocid1.volume.oc1.phx."
      "abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q\"\n"
      "}"};
  auto post = Fields((*signer)
                         ->SignDated({.method = "POST",
                                      .host = "iaas.us-phoenix-1.oraclecloud.com",
                                      .target = "/20160918/volumeAttachments",
                                      .content_type = "application/json",
                                      .body = kAttachment},
                                     kDate)
                         .value());
  EXPECT_EQ(post.at("x-content-sha256"), "V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0=");
  EXPECT_EQ(Attribute(post.at("Authorization"), "signature"),
            "Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8"
            "DRhqlocMwoSXv0fbukP8J5N80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmr"
            "Wso=");
}

TEST_F(OciFiles, ThePublicKeyVerifiesTheSignatureOfARequestWithABody) {
  auto signer = OciSigner::Load(Documented());
  ASSERT_TRUE(signer.has_value()) << signer.error().message;
  auto fields = Fields((*signer)
                           ->Sign({.method = "POST",
                                   .host = "inference.generativeai.us-chicago-1.oci.example",
                                   .target = "/20231130/actions/chat",
                                   .content_type = "application/json",
                                   .body = kBody},
                                  kWhen)
                           .value());
  EXPECT_EQ(fields.at("Date"), "Sun, 05 Jan 2014 21:31:40 GMT");
  // printf '%s' '{"compartmentId":"ocid1.x"}' | openssl dgst -sha256 -binary | base64
  EXPECT_EQ(fields.at("x-content-sha256"), "ao2SNUx6o8Z2ToylDuuyaCnmlowt9s8slh/Z/tKRsCk=");
  const std::string& authorization = fields.at("Authorization");
  EXPECT_EQ(authorization.find("Signature version=\"1\","), 0U);
  EXPECT_EQ(Attribute(authorization, "algorithm"), "rsa-sha256");
  EXPECT_EQ(Attribute(authorization, "keyId"),
            std::string(kTenancy) + "/" + std::string(kUser) + "/" + std::string(kFingerprint));
  EXPECT_EQ(Attribute(authorization, "headers"),
            "date (request-target) host content-length content-type x-content-sha256");
  const std::string text =
      "date: Sun, 05 Jan 2014 21:31:40 GMT\n"
      "(request-target): post /20231130/actions/chat\n"
      "host: inference.generativeai.us-chicago-1.oci.example\n"
      "content-length: 27\n"
      "content-type: application/json\n"
      "x-content-sha256: ao2SNUx6o8Z2ToylDuuyaCnmlowt9s8slh/Z/tKRsCk=";
  EXPECT_TRUE(Verifies(text, Attribute(authorization, "signature")));
  EXPECT_FALSE(Verifies(text + " ", Attribute(authorization, "signature")));
}

TEST_F(OciFiles, TheTenancyIsKnownForWhoConfiguresNoCompartment) {
  auto signer = OciSigner::Load(Documented());
  ASSERT_TRUE(signer.has_value()) << signer.error().message;
  EXPECT_EQ((*signer)->tenancy(), kTenancy);
}

TEST_F(OciFiles, ARequestWithoutABodySignsNeitherLengthNorHash) {
  auto signer = OciSigner::Load(Documented());
  ASSERT_TRUE(signer.has_value()) << signer.error().message;
  auto fields =
      Fields((*signer)
                 ->Sign({.method = "GET", .host = "h.example", .target = "/a?b=c%3Ad"}, kWhen)
                 .value());
  EXPECT_FALSE(fields.contains("x-content-sha256"));
  EXPECT_EQ(Attribute(fields.at("Authorization"), "headers"), "date (request-target) host");
  EXPECT_TRUE(
      Verifies("date: Sun, 05 Jan 2014 21:31:40 GMT\n(request-target): get /a?b=c%3Ad\n"
               "host: h.example",
               Attribute(fields.at("Authorization"), "signature")));
}

TEST_F(OciFiles, SigningIsAFunctionOfRequestTimeAndKey) {
  auto signer = OciSigner::Load(Documented());
  ASSERT_TRUE(signer.has_value()) << signer.error().message;
  const auto sign = [&](std::string_view target, WallTime when) {
    return (*signer)->Sign({.method = "GET", .host = "h", .target = target}, when).value();
  };
  EXPECT_EQ(sign("/a", kWhen), sign("/a", kWhen + std::chrono::milliseconds(900)));
  EXPECT_NE(sign("/a", kWhen), sign("/a", kWhen + std::chrono::seconds(1)));
  EXPECT_NE(sign("/a", kWhen), sign("/b", kWhen));
}

TEST_F(OciFiles, AProfileTakesFromDefaultWhatItDoesNotSay) {
  const fs::path file =
      Write("config",
            "# made by hand\r\n[DEFAULT]\r\nuser = ocid1.user\r\n"
            "fingerprint=aa:bb\r\ntenancy=ocid1.tenancy\r\nregion=eu-frankfurt-1\r\n"
            "key_file=~/keys/oci.pem\r\n\r\n[STAGING]\r\n; another user\r\n"
            "user=ocid1.other\r\npass_phrase=open = sesame\r\nkey_file=k.pem\r\n");
  auto profile = ReadOciProfile(file, "DEFAULT", "/var/me");
  ASSERT_TRUE(profile.has_value()) << profile.error().message;
  EXPECT_EQ(profile->user, "ocid1.user");
  EXPECT_EQ(profile->tenancy, "ocid1.tenancy");
  EXPECT_EQ(profile->region, "eu-frankfurt-1");
  EXPECT_EQ(profile->key_file, "/var/me/keys/oci.pem");
  EXPECT_EQ(profile->pass_phrase, "");
  profile = ReadOciProfile(file, "STAGING", "/var/me");
  ASSERT_TRUE(profile.has_value()) << profile.error().message;
  EXPECT_EQ(profile->user, "ocid1.other");
  EXPECT_EQ(profile->fingerprint, "aa:bb");
  EXPECT_EQ(profile->pass_phrase, "open = sesame");
  EXPECT_EQ(profile->key_file, folder_ / "k.pem");
}

TEST_F(OciFiles, ProblemsOfTheFileHaveALineAndARemedy) {
  const std::string file = (folder_ / "config").string();
  EXPECT_EQ(ProfileError("[DEFAULT]\nuser=u\nfingerprint=f\ntenancy=\nkey_file=k\n"),
            file +
                ":4: profile [DEFAULT] has no tenancy (`oci setup config` writes a complete "
                "profile)");
  EXPECT_EQ(ProfileError("\n[DEFAULT]\nuser=u\n"),
            file +
                ":2: profile [DEFAULT] has no tenancy (`oci setup config` writes a complete "
                "profile)");
  EXPECT_EQ(ProfileError("[A]\nuser=u\n[B]\n"),
            file + ": there is no profile [DEFAULT] (it has A, B)");
  EXPECT_EQ(ProfileError(""), file + ": there is no profile [DEFAULT] (it has none)");
  EXPECT_EQ(ProfileError("user=u\n"), file + ":1: a profile such as [DEFAULT] must come first");
  EXPECT_EQ(ProfileError("[A]\nuser\n"), file + ":2: a line must be name=value");
  EXPECT_EQ(ProfileError("[A\n"),
            file + ":1: a profile begins with its name in brackets, such as [DEFAULT]");
  EXPECT_EQ(ProfileError("[A]\n[A]\n"),
            file + ":2: this profile is given twice; remove one of them");
  EXPECT_NE(ProfileError("[DEFAULT]\ntenancy=t\nsecurity_token_file=t\nkey_file=k\n")
                .find("security token cannot be used here"),
            std::string::npos);
  auto missing = ReadOciProfile(folder_ / "none", "DEFAULT", folder_);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::kIo);
  EXPECT_NE(missing.error().message.find("oci setup config"), std::string::npos);
  EXPECT_FALSE(ReadOciProfile(folder_, "DEFAULT", folder_).has_value());
}

TEST_F(OciFiles, ProblemsOfTheKeyNameItsFile) {
  const auto error = [&](const OciProfile& profile) {
    auto signer = OciSigner::Load(profile);
    return signer ? std::string("no error") : signer.error().message;
  };
  OciProfile profile = Documented();
  profile.key_file = folder_ / "none.pem";
  EXPECT_NE(error(profile).find("none.pem: cannot read it"), std::string::npos);
  profile.key_file = Write("text.pem", "no key at all");
  EXPECT_NE(error(profile).find("text.pem: it is not a private key in PEM"), std::string::npos);
  profile = Documented();
  profile.fingerprint = "00:11";
  EXPECT_NE(error(profile).find("fingerprint is 73:61:"), std::string::npos) << error(profile);

  EVP_PKEY* ec = EVP_EC_gen("P-256");
  BIO* bio = BIO_new_file((folder_ / "ec.pem").c_str(), "w");
  PEM_write_bio_PrivateKey(bio, ec, nullptr, nullptr, 0, nullptr, nullptr);
  BIO_free(bio);
  EVP_PKEY_free(ec);
  profile.key_file = folder_ / "ec.pem";
  EXPECT_NE(error(profile).find("ec.pem: it is not an RSA key"), std::string::npos);
}

TEST_F(OciFiles, AnEncryptedKeyIsOpenedByItsPassPhraseOnly) {
  OciProfile profile = Documented();
  BIO* in = BIO_new_mem_buf(kDocumentedKey.data(), static_cast<int>(kDocumentedKey.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  std::string phrase = "correct horse";
  BIO* out = BIO_new_file((folder_ / "locked.pem").c_str(), "w");
  PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), phrase.data(),
                                static_cast<int>(phrase.size()), nullptr, nullptr);
  BIO_free(out);
  EVP_PKEY_free(key);

  profile.key_file = folder_ / "locked.pem";
  auto none = OciSigner::Load(profile);
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().message.find("pass_phrase is missing"), std::string::npos);
  profile.pass_phrase = "wrong";
  auto wrong = OciSigner::Load(profile);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_NE(wrong.error().message.find("does not open the key"), std::string::npos);
  EXPECT_EQ(wrong.error().message.find("wrong\""), std::string::npos);
  profile.pass_phrase = phrase;
  EXPECT_TRUE(OciSigner::Load(profile).has_value());
}

}  // namespace
}  // namespace triage::providers
