// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text.Json;
using KvmSharp.Tools;
using Spectre.Console;

namespace KvmSharp.Conformance.Tests;

/// <summary>What replay says of traces that are wrong, and of traces that the model cannot follow.</summary>
[TestFixture]
internal sealed class ReplayCommandTests
{
    private const string Header = """{"trace":"kvmsharp-conformance","version":1,"name":"t","family":"t","kernel":"6.18","arch":"x86_64","page_size":4096}""";

    [TestCase("", "is empty")]
    [TestCase("not json", "is no JSON")]
    [TestCase("[]", "is no JSON object")]
    [TestCase("""{"trace":"other"}""", "field 'trace'")]
    [TestCase("""{"trace":"kvmsharp-conformance","version":2}""", "field 'version'")]
    [TestCase(Header + "\n" + """{"op":"no_such_operation"}""", ":2: field 'op'")]
    [TestCase(Header + "\n" + """{"op":"memfd_secret","flags":"x","as":"a"}""", ":2: field 'flags'")]
    [TestCase(Header + "\n" + """{"op":"memfd_secret","flags":99999999999999999999999,"as":"a"}""", ":2: field 'flags'")]
    [TestCase(Header + "\n" + """{"op":"lseek","fd":-1,"offset":0,"whence":"NOWHERE"}""", ":2: field 'whence'")]
    [TestCase(Header + "\n{", ":2: is no JSON")]
    public void A_bad_trace_is_one_line_with_file_line_and_field_and_status_2(string text, string expected)
    {
        (int status, string output, string error) = Replay(text);
        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(2));
            Assert.That(error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
            Assert.That(error, Does.Contain(expected).And.Contain(".jsonl:"));
            Assert.That(output.TrimEnd(), Does.EndWith("traces, 0 operations, 0 divergences"));
        });
    }

    [Test]
    public void A_difference_is_reported_with_expected_and_actual_and_status_1()
    {
        (int status, string output, string _) = Replay(Header + "\n" + """{"op":"memfd_secret","flags":1,"as":"a","ret":0,"errno":null}""");
        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(1));
            Assert.That(output, Does.Contain("ret: expected 0, actual null"));
            Assert.That(output.TrimEnd(), Does.EndWith("1 traces, 1 operations, 1 divergences"));
        });
    }

    [Test]
    public void What_depends_on_a_name_that_the_model_could_not_bind_is_a_divergence_of_its_own()
    {
        (int status, string output, string _) = Replay(Header + "\n" + """{"op":"memfd_secret","flags":1,"as":"a","ret":0,"errno":null}""" + "\n"
            + """{"op":"ftruncate","fd":"a","len":4096,"ret":0,"errno":null}""");
        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(1));
            Assert.That(output, Does.Contain("'a' names nothing"));
            Assert.That(output.TrimEnd(), Does.EndWith("2 divergences"));
        });
    }

    [Test]
    public void Json_has_the_same_counts_and_each_difference_with_its_place()
    {
        (int status, string output, string _) = Replay(Header + "\n" + """{"op":"memfd_secret","flags":1,"as":"a","ret":0,"errno":null}""", "--json");
        JsonElement result = JsonDocument.Parse(output).RootElement;
        JsonElement divergence = result.GetProperty("divergences")[0];
        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(1));
            Assert.That(result.GetProperty("traces").GetInt32(), Is.EqualTo(1));
            Assert.That(result.GetProperty("operations").GetInt32(), Is.EqualTo(1));
            Assert.That(result.GetProperty("problems").GetArrayLength(), Is.Zero);
            Assert.That(divergence.GetProperty("line").GetInt32(), Is.EqualTo(2));
            Assert.That(divergence.GetProperty("difference").GetString(), Does.StartWith("ret: expected 0, actual null"));
        });
    }

    [Test]
    public void A_missing_file_is_named_with_status_2()
    {
        using var error = new StringWriter();
        int status = CommandLine.Run(["replay", "/nonexistent/trace.jsonl"], AnsiConsole.Console, TextWriter.Null, error);
        Assert.Multiple(() =>
        {
            Assert.That(status, Is.EqualTo(2));
            Assert.That(error.ToString(), Does.Contain("no such file"));
        });
    }

    private static (int Status, string Output, string Error) Replay(string text, params string[] options)
    {
        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".jsonl");
        File.WriteAllText(file, text);
        try
        {
            using var output = new StringWriter();
            using var error = new StringWriter();
            int status = CommandLine.Run(["replay", file, .. options], AnsiConsole.Console, output, error);
            return (status, output.ToString(), error.ToString());
        }
        finally
        {
            File.Delete(file);
        }
    }
}
