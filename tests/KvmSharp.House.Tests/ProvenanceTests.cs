// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Globalization;
using System.Text.RegularExpressions;

namespace KvmSharp.House.Tests;

/// <summary>Every file says where it comes from, and a mirrored file lies where its original lies.</summary>
[TestFixture]
internal sealed partial class ProvenanceTests
{
    private const string Ours = "// KvmSharp only; no upstream counterpart.";

    private static readonly string[] All =
        ["include", "lib", "kernel", "fs", "mm", "virt", "arch", "machine", "init", "analyzers", "tools", "tests"];

    [Test]
    public void Every_source_file_opens_with_licence_and_provenance()
    {
        var wrong = new List<string>();
        foreach (string file in Repository.Sources(All))
        {
            // Samples are inputs of the analyzers, not parts of the project.
            if (file.Contains("/Samples/", StringComparison.Ordinal))
                continue;
            string[] head = File.ReadLines(Path.Combine(Repository.Root, file)).Take(2).ToArray();
            bool mit = file.StartsWith("analyzers/", StringComparison.Ordinal) || file.StartsWith("tests/KvmSharp.Analyzers.", StringComparison.Ordinal);
            string licence = "// SPDX-License-Identifier: " + (mit ? "MIT" : "GPL-2.0-only");
            bool provenance = head.Length > 1 && (head[1] == Ours || Mirrors().IsMatch(head[1]));

            // Tests and analyzers have no upstream to name; what mirrors a selftest says so all the same.
            if (head[0] != licence || (!provenance && !file.StartsWith("tests/", StringComparison.Ordinal) && !mit))
                wrong.Add(file);
        }

        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void A_mirrored_file_lies_at_the_path_of_its_original()
    {
        var wrong = new List<string>();
        foreach (string file in Repository.Sources([.. Repository.Mirrored, "init"]))
        {
            Match match = Mirrors().Match(File.ReadLines(Path.Combine(Repository.Root, file)).Skip(1).First());
            if (match.Success && MirrorPath(match.Groups[1].Value) != Whole(file))
                wrong.Add($"{file} says it mirrors {match.Groups[1].Value}");
        }

        Assert.That(wrong, Is.Empty);
    }

    [Test]
    public void A_translation_unit_is_one_static_class_named_after_its_file()
    {
        var wrong = new List<string>();
        HashSet<string> units = [.. Repository.Sources(Repository.Mirrored).Select(f => Pascal(Path.GetFileName(Whole(f))))];
        foreach (string file in Repository.Sources(Repository.Mirrored).Where(f => !f.EndsWith(".h.cs", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(Path.Combine(Repository.Root, file));
            if (!text.Contains("// Mirrors ", StringComparison.Ordinal))
                continue;
            string[] statics = StaticClass().Matches(text).Select(m => m.Groups[1].Value).ToArray();
            string expected = Pascal(Path.GetFileName(Whole(file)));

            // A file may keep the part of another unit that belongs to its subject.
            if (statics.Any(s => s != expected && !units.Contains(s) && !IsArchOf(file, s, expected)))
                wrong.Add($"{file}: {string.Join(", ", statics)} instead of {expected}");
        }

        Assert.That(wrong, Is.Empty);
    }

    /// <summary>Units of architectures have names that repeat (fault.c, mmu.c), so that of the architecture may stand in front.</summary>
    private static bool IsArchOf(string file, string name, string expected) =>
        file.StartsWith("arch/", StringComparison.Ordinal) && name.EndsWith(expected, StringComparison.Ordinal)
        && name.StartsWith(file.Split('/')[1], StringComparison.OrdinalIgnoreCase);

    /// <summary>A unit may be spread over several files: X.part.cs belongs to X.cs.</summary>
    private static string Whole(string file)
    {
        string name = Path.GetFileName(file);
        if (name.EndsWith(".h.cs", StringComparison.Ordinal) || name.EndsWith(".S.cs", StringComparison.Ordinal))
            return file;
        string[] parts = name.Split('.');
        return parts.Length == 3 ? file[..^name.Length] + parts[0] + ".cs" : file;
    }

    private static string MirrorPath(string linux) => linux.EndsWith(".h", StringComparison.Ordinal) ? linux + ".cs"
        : linux.EndsWith(".c", StringComparison.Ordinal) ? linux[..^2] + ".cs"
        : linux + ".cs";

    private static string Pascal(string file) => string.Concat(file.Replace(".cs", string.Empty, StringComparison.Ordinal)
        .Split('_', '-', '.').Where(p => p.Length > 0).Select(p => char.ToUpper(p[0], CultureInfo.InvariantCulture) + p[1..]));

    [GeneratedRegex(@"^// Mirrors ([\w./+-]+), Linux (\d+\.\d+|[\w.-]+)")]
    private static partial Regex Mirrors();

    [GeneratedRegex(@"(?m)^internal (?:unsafe )?static (?:unsafe )?(?:partial )?class (\w+)")]
    private static partial Regex StaticClass();
}
