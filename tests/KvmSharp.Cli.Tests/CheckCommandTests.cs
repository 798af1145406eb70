// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text.Json;
using KvmSharp.Tools;

namespace KvmSharp.Cli.Tests;

[TestFixture]
internal sealed class CheckCommandTests
{
    private const string Cache = """
        using KvmSharp.Annotations;

        internal sealed class Cache
        {
            private readonly object _gate = new();
            [GuardedBy("_gate")]
            private int _count;

            internal int Bad() => _count;

            internal int Good()
            {
                lock (_gate)
                    return _count;
            }

            internal void Leak()
            {
                System.Threading.Monitor.Enter(_gate);
                _count = 1;
            }

        #pragma warning disable KS1001
            internal int Quiet() => _count;
        #pragma warning restore KS1001
        }
        """;

    private string folder = string.Empty;

    [SetUp]
    public void MakeFolder() => this.folder = Directory.CreateTempSubdirectory("kvmsharp check").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(this.folder, true);

    [Test]
    public void ASingleFileIsCheckedWithTheAnnotationsAtHand()
    {
        string file = this.Write("Cache.cs", Cache);
        CliResult result = Cli.Run("check", file);
        string[] lines = result.Output.TrimEnd().Split(Environment.NewLine);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(ExitCodes.Found), result.Error);
            Assert.That(result.Error, Is.Empty);
            Assert.That(lines[0], Does.StartWith($"{file}(9,27): warning KS1001: "));
            Assert.That(lines[1], Does.StartWith($"{file}(21,5): warning KS1007: "));
            Assert.That(lines[^1], Is.EqualTo("1 compilations, 2 diagnostics"));
            Assert.That(Directory.EnumerateFileSystemEntries(this.folder), Is.EqualTo([file]));
        }
    }

    [Test]
    public void LooseSourcesAreOneProgramAndMayHaveTopLevelStatements()
    {
        this.Write("Cache.cs", Cache);
        this.Write("deep/Program.cs", "System.Console.WriteLine(new Cache().Good());");
        this.Write("obj/Stale.cs", "this is no C#");
        CliResult result = Cli.Run("check", this.folder, "--json");
        JsonElement diagnostics = result.Json.GetProperty("diagnostics");
        Assert.That(diagnostics.EnumerateArray().Select(d => d.GetProperty("id").GetString()), Is.EqualTo(["KS1001", "KS1007"]), result.Error);
        Assert.That(diagnostics[1].GetProperty("related")[0].GetProperty("line").GetInt32(), Is.EqualTo(19), "where the lock was taken");
    }

    [Test]
    public void AProjectKeepsItsOwnSeveritiesAndItsFoldersStayAsTheyAre()
    {
        this.Write("my app/app.csproj", """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <DefineConstants>$(DefineConstants);HAS_CACHE;OTHER</DefineConstants>
              </PropertyGroup>
            </Project>
            """);
        this.Write("my app/Cache.cs", "#if HAS_CACHE && OTHER\n" + Cache + "\n#endif\n");
        this.Write("my app/Annotations.cs", "namespace KvmSharp.Annotations;\n[System.AttributeUsage(System.AttributeTargets.All)]\ninternal sealed class GuardedByAttribute(string name) : System.Attribute { internal string Name => name; }\n");
        this.Write("my app/.editorconfig", "root = true\n[*.cs]\ndotnet_diagnostic.KS1001.severity = error\ndotnet_diagnostic.KS1007.severity = none\n");
        string[] before = [.. Directory.EnumerateFileSystemEntries(this.folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        string sarif = Path.Combine(this.folder, "log.sarif");
        CliResult result = Cli.Run("check", Path.Combine(this.folder, "my app", "app.csproj"), "--sarif", sarif);
        JsonElement log = JsonDocument.Parse(File.ReadAllText(sarif)).RootElement;
        File.Delete(sarif);
        JsonElement run = log.GetProperty("runs")[0];
        JsonElement[] results = [.. run.GetProperty("results").EnumerateArray()];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(result.Status, Is.EqualTo(ExitCodes.Found), result.Error);
            Assert.That(result.Output, Does.Contain("(10,27): error KS1001: ").And.Not.Contain("KS1007"));
            Assert.That(log.GetProperty("version").GetString(), Is.EqualTo("2.1.0"));
            Assert.That(results.Select(r => r.TryGetProperty("suppressions", out _)), Is.EqualTo([false, true]), "the suppressed one is kept and marked");
            Assert.That(results[0].GetProperty("relatedLocations").GetArrayLength(), Is.Positive);
            Assert.That(
                run.GetProperty("tool").GetProperty("driver").GetProperty("rules")[results[0].GetProperty("ruleIndex").GetInt32()].GetProperty("id").GetString(),
                Is.EqualTo("KS1001"));
            Assert.That(Directory.EnumerateFileSystemEntries(this.folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal), Is.EqualTo(before));
        }
    }

    [Test]
    public void CleanCodeIsFine()
    {
        string file = this.Write("Fine.cs", "internal sealed class Fine { internal int Value { get; set; } }");
        CliResult result = Cli.Run("check", file);
        Assert.That(result.Status, Is.EqualTo(ExitCodes.Fine), result.Error);
        Assert.That(result.Output, Is.EqualTo("1 compilations, 0 diagnostics" + Environment.NewLine));
    }

    [Test]
    public void CodeThatDoesNotCompileIsRefusedWithItsFirstError()
    {
        string file = this.Write("Broken.cs", "internal sealed class Broken { Missing field; }");
        Assert.That(Cli.Refused("check", file), Does.Contain("Broken.cs(1,32): error CS0246"));
    }

    [Test]
    public void APathThatIsNothingToCheckIsRefused()
    {
        Assert.That(Cli.Refused("check", Path.Combine(this.folder, "nothing")), Does.Contain("no such file or folder"));
        Assert.That(Cli.Refused("check", this.folder), Does.Contain("no .sln"));
        Assert.That(Cli.Refused("check", this.Write("a.txt", "a")), Does.Contain("neither"));
        this.Write("a.sln", string.Empty);
        this.Write("b.slnx", string.Empty);
        Assert.That(Cli.Refused("check", this.folder), Does.Contain("2 solutions"));
    }

    [Test]
    public void AnOutputThatCannotBeWrittenIsRefused()
    {
        string file = this.Write("Fine.cs", "internal sealed class Fine;");
        Assert.That(Cli.Refused("check", file, "--sarif", this.folder), Does.Contain("--sarif"));
        Assert.That(Cli.Refused("check", file, "--sarif", Path.Combine(this.folder, "none", "log.sarif")), Does.Contain("--sarif"));
    }

    private string Write(string name, string text)
    {
        string file = Path.Combine(this.folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }
}
