// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using KvmSharp.Analyzers.Rules;
using Microsoft.CodeAnalysis;

namespace KvmSharp.Analyzers.Tests;

/// <summary>The pages say what the descriptors say, in the fixed order, and every piece of C# on them does what it says.</summary>
[TestFixture]
public sealed partial class PageTests
{
    private static readonly string[] Sections = ["Cause", "Why", "Example", "How to fix", "Limitations", "Configuration"];

    private static IEnumerable<string> Ids => Descriptors.All.Select(rule => rule.Id);

    private static IEnumerable<TestCaseData> Blocks
        => from page in Ids.Append("quickstart")
           from block in CodeBlock().Matches(Page(page)).Select((match, number) => (match.Groups[1].Value, number))
           select new TestCaseData(block.Value).SetArgDisplayNames(page, block.number.ToString(System.Globalization.CultureInfo.InvariantCulture));

    [TestCaseSource(nameof(Ids))]
    public void HeaderAgreesWithTheDescriptor(string id)
    {
        DiagnosticDescriptor rule = Descriptors.All.Single(candidate => candidate.Id == id);
        string[] lines = Page(id).Split('\n');
        string title = rule.Title.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string[] row = lines[4].Split('|', StringSplitOptions.TrimEntries);
        Assert.Multiple(() =>
        {
            Assert.That(lines[0], Is.EqualTo($"# {id}: {title}").IgnoreCase);
            Assert.That(lines[2], Is.EqualTo("| Id | Severity | Category | Principle | Source | Tests |"));
            Assert.That(row[1], Is.EqualTo(id));
            Assert.That(row[2], Is.EqualTo(rule.DefaultSeverity.ToString()).IgnoreCase);
            Assert.That(row[3], Is.EqualTo(rule.Category));
            Assert.That(row[4], Is.Not.Empty);
            Assert.That(rule.HelpLinkUri, Does.EndWith($"Documentation/analyzers/{id}.md"));
        });
    }

    [TestCaseSource(nameof(Ids))]
    public void SectionsStandInTheFixedOrder(string id)
        => Assert.That(Page(id).Split('\n').Where(line => line.StartsWith("## ", StringComparison.Ordinal)).Select(line => line[3..]), Is.EqualTo(Sections));

    [TestCaseSource(nameof(Ids))]
    public void TestsAreWhereThePageSays(string id)
    {
        string folder = TestFolder().Match(Page(id)).Groups[1].Value;
        Assert.That(Resources.Samples.Count(name => name.StartsWith($"Samples/{folder}/", StringComparison.Ordinal)), Is.GreaterThan(3), folder);
    }

    [TestCaseSource(nameof(Ids))]
    public void BadExampleIsReportedAndGoodOneIsNot(string id)
    {
        string[] blocks = [.. CodeBlock().Matches(Section(id, "Example")).Select(match => match.Groups[1].Value)];
        Assert.That(blocks, Has.Length.EqualTo(2));
        Assert.That(Sample.Parse(id, blocks[0]).Expected.Select(expected => expected.Id), Does.Contain(id));
        Assert.That(Sample.Parse(id, blocks[1]).Expected, Is.Empty);
    }

    [TestCaseSource(nameof(Ids))]
    public void LimitationsAreShownWithCode(string id) => Assert.That(CodeBlock().Matches(Section(id, "Limitations")), Is.Not.Empty);

    [TestCaseSource(nameof(Blocks))]
    public async Task CodeDoesWhatThePageSays(string source)
    {
        Sample sample = Sample.Parse("page", source);
        Compilation compilation = Verifier.Compile(sample, ("Prelude.cs", Resources.Read("Samples/Prelude.cs")));
        Assert.That(Verifier.Errors(compilation), Is.Empty);
        ImmutableArray<Diagnostic> found = await Verifier.AnalyzeAsync(new KvmSharpAnalyzer(), sample, compilation);
        if (Verifier.Compare(sample, found) is { } difference)
            Assert.Fail(difference + "\n" + source);
    }

    /// <summary>With KVMSHARP_WRITE_DOCS=1 this writes the index instead of comparing it.</summary>
    [Test]
    public void IndexIsGenerated()
    {
        string index = Index();
        if (Environment.GetEnvironmentVariable("KVMSHARP_WRITE_DOCS") == "1")
        {
            string root = typeof(PageTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "RepoRoot").Value!;
            File.WriteAllText(Path.Combine(root, "Documentation", "analyzers", "README.md"), index);
            return;
        }

        Assert.That(Resources.Read("Documentation/README.md"), Is.EqualTo(index), "run this test with KVMSHARP_WRITE_DOCS=1");
    }

    [Test]
    public void ReleaseNotesListEveryRule()
    {
        string notes = Resources.Read("AnalyzerReleases.Shipped.md") + "\n" + Resources.Read("AnalyzerReleases.Unshipped.md");
        IEnumerable<string> rows = notes.Split('\n').Where(line => line.StartsWith("KS", StringComparison.Ordinal))
            .Select(line => string.Join('|', line.Split('|', StringSplitOptions.TrimEntries).Take(3)));
        Assert.That(rows, Is.EquivalentTo(Descriptors.All.Select(rule => $"{rule.Id}|{rule.Category}|{rule.DefaultSeverity}")));
    }

    private static string Page(string name) => Resources.Read($"Documentation/{name}.md").ReplaceLineEndings("\n");

    private static string Section(string id, string name)
    {
        string page = Page(id);
        int from = page.IndexOf($"\n## {name}\n", StringComparison.Ordinal);
        int to = page.IndexOf("\n## ", from + 1, StringComparison.Ordinal);
        return to < 0 ? page[from..] : page[from..to];
    }

    private static string Index()
    {
        var text = new StringBuilder("# Rules\n\nGenerated from the descriptors and the pages; see [quick start](quickstart.md) for a first use.\n");
        foreach (IGrouping<string, DiagnosticDescriptor> category in Descriptors.All.GroupBy(rule => rule.Category))
        {
            text.Append("\n## ").Append(category.Key).Append("\n\n| Id | Title | Severity | Cause |\n|---|---|---|---|\n");
            foreach (DiagnosticDescriptor rule in category)
            {
                string cause = Section(rule.Id, "Cause")["\n## Cause\n".Length..].Trim().ReplaceLineEndings(" ").Replace("|", "\\|", StringComparison.Ordinal);
                string title = rule.Title.ToString(System.Globalization.CultureInfo.InvariantCulture);
                text.Append($"| [{rule.Id}]({rule.Id}.md) | {title} | {rule.DefaultSeverity.ToString().ToLowerInvariant()} | {cause} |\n");
            }
        }

        return text.ToString();
    }

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"Samples/([A-Za-z0-9_]+)\)")]
    private static partial Regex TestFolder();
}
